"""The slots of concurrent calls in Redis: for each caller a sorted set of holders, scored by the
expiry of their slot on Redis's clock. `unsub/gateway/concurrency.py` takes and releases them."""

from enum import StrEnum
from typing import Any

import redis
from django.conf import settings


class Caller(StrEnum):
    """Whose calls share slots. The value is the key of their semaphore."""

    WORKERS = "profilecenter:calls"  # deliveries, the import of events, reading All Subscribers
    PAGES = "profilecenter:calls:pages"  # while somebody waits for a page

    @property
    def limit(self) -> int:
        """The number of slots: together SFMC_CONCURRENCY, but each has at least one."""
        pages: int = max(1, settings.SFMC_PAGE_CONCURRENCY)
        return pages if self is Caller.PAGES else max(1, settings.SFMC_CONCURRENCY - pages)


def in_use(client: redis.Redis, caller: Caller) -> int:
    """Return how many calls are under way, over all processes. Raises RedisError."""
    found: Any = client.time()
    seconds, microseconds = found
    return int(client.zcount(caller.value, f"({seconds}.{microseconds:06d}", "+inf"))
