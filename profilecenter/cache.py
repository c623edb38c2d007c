"""A cache that is missed, not missing: for libraries that would fail with the broker."""

from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)


class ForgivingCache(RedisCache):
    """Django's Redis cache; where Redis does not answer nothing is found and nothing kept.

    The sign-in counts its failures here. Whoever has to look at what went wrong needs the admin
    most while the broker is down, so then nobody counts.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        """Return whether the key was new; True where nobody answers, as if it were."""
        return bool(self._forgive(True, super().add, *args, **kwargs))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default where nobody answers."""
        return self._forgive(default, super().get, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Keep a value, or not."""
        self._forgive(None, super().set, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """Return whether there was something to delete."""
        return bool(self._forgive(False, super().delete, *args, **kwargs))

    @staticmethod
    def _forgive(otherwise: Any, act: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what an act returns, or `otherwise` where nobody answers."""
        try:
            return act(*args, **kwargs)
        except redis.RedisError as err:
            log.warning("cache_unavailable", error=type(err).__name__)
            return otherwise
