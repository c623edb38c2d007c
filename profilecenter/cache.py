"""Values of the cache are sealed; and a Redis cache that treats connection errors as misses, for
libraries that would raise."""

import pickle
from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

from unsub.infra import sealing

log = structlog.get_logger(__name__)


class SealedValueError(redis.RedisError):
    """A cached value was not sealed with a key in use; handled like a Redis that does not
    answer."""


class SealedSerializer:
    """Serializer of the cache: values are pickled and sealed, so that Redis has nobody's data in
    clear, and nothing is unpickled that this deployment did not write."""

    def dumps(self, value: Any) -> Any:
        """Return the sealed value. Integers stay as they are, for INCR."""
        if type(value) is int:
            return value
        return sealing.seal("cache", pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def loads(self, data: bytes) -> Any:
        """Return the value. Raises SealedValueError where it is not sealed with a key in use."""
        try:
            return int(data)
        except ValueError:
            pass
        try:
            return pickle.loads(sealing.unseal("cache", data))  # noqa: S301 - sealed by ourselves
        except sealing.SealError as err:
            raise SealedValueError(str(err)) from None


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
