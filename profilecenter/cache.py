"""Values of the cache are sealed JSON; and a Redis cache that treats connection errors as misses,
for libraries that would raise."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

from unsub.infra import sealing
from unsub.sfmc import DataColumn, Definition, MailList, Membership, PicklistItem, Profile

# The classes that a cached value may have, beside those of JSON, tuples and mappings.
_KNOWN = (DataColumn, Definition, MailList, Membership, PicklistItem, Profile)
_CLASSES = {one.__name__: one for one in _KNOWN}
_PLAIN = (type(None), bool, int, float, str)

log = structlog.get_logger(__name__)


class SealedValueError(redis.RedisError):
    """A cached value was not sealed with a key in use, or cannot be read; handled like a Redis that
    does not answer."""


class SealedSerializer:
    """Serializer of the cache: JSON, sealed, so that Redis has nobody's data in clear.

    Never pickle: reading a pickled value can run what its writer wants.
    """

    def dumps(self, value: Any) -> Any:
        """Return the sealed value. Integers stay as they are, for INCR. Raises TypeError for a
        value of another class."""
        if type(value) is int:
            return value
        return sealing.seal("cache", json.dumps(_encoded(value)).encode())

    def loads(self, data: bytes) -> Any:
        """Return the value. Raises SealedValueError where it is not sealed with a key in use, or
        was written by a version whose values this one does not know."""
        try:
            return int(data)
        except ValueError:
            pass
        try:
            return _decoded(json.loads(sealing.unseal("cache", data)))
        except sealing.SealError as err:
            raise SealedValueError(str(err)) from None
        except (ValueError, LookupError, TypeError, RecursionError) as err:
            raise SealedValueError(type(err).__name__) from None


def _encoded(value: Any) -> Any:
    """Return a value as JSON can have it: what JSON does not know is an object with the name of its
    class."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, list):
        return [_encoded(one) for one in value]
    if isinstance(value, tuple):
        return {"class": "tuple", "value": [_encoded(one) for one in value]}
    if isinstance(value, Mapping):
        pairs = [[_encoded(key), _encoded(one)] for key, one in value.items()]
        return {"class": "dict", "value": pairs}
    name = type(value).__name__
    if _CLASSES.get(name) is not type(value) or not is_dataclass(value):
        raise TypeError(f"a value of the class {name} cannot be cached")
    content = {one.name: _encoded(getattr(value, one.name)) for one in fields(value)}
    return {"class": name, "value": content}


def _decoded(found: Any) -> Any:
    """Return the value that `_encoded` was given. Raises LookupError or TypeError for another."""
    if isinstance(found, list):
        return [_decoded(one) for one in found]
    if not isinstance(found, dict):
        return found
    name, value = found["class"], found["value"]
    if name == "tuple":
        return tuple(_decoded(one) for one in value)
    if name == "dict":
        return {_decoded(key): _decoded(one) for key, one in value}
    return _CLASSES[name](**{key: _decoded(one) for key, one in value.items()})


class ForgivingCache(RedisCache):
    """Django's Redis cache; while Redis does not answer, nothing is found and nothing is stored.

    Failed sign-ins are counted here. While the broker is down they are not limited, because
    operators need the admin then.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        """Return whether the key was new; True if Redis does not answer."""
        # django-allauth refuses a code of an authenticator app that it could not add as used.
        return bool(self._forgive(True, super().add, *args, **kwargs))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default if Redis does not answer."""
        return self._forgive(default, super().get, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Store a value, if Redis answers."""
        self._forgive(None, super().set, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """Return whether the key existed; False if Redis does not answer."""
        return bool(self._forgive(False, super().delete, *args, **kwargs))

    @staticmethod
    def _forgive(otherwise: Any, act: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the result of `act`, or `otherwise` if Redis does not answer."""
        try:
            return act(*args, **kwargs)
        except redis.RedisError as err:
            log.warning("cache_unavailable", error=type(err).__name__)
            return otherwise
