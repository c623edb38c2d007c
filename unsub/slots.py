"""How many calls to Marketing Cloud may be under way at once, over all workers (facts 3).

A counting semaphore in Redis: a sorted set of holders by the time their slot ends, on Redis's
clock. A holder that dies gives its slot back when its time is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis
import structlog
from django.conf import settings

from .broker import quick_client

log = structlog.get_logger(__name__)

KEY = "profilecenter:slots"
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2])) + 1)
return 1
"""
_client = quick_client(1.0)
_take = _client.register_script(_TAKE)


@contextmanager
def slot() -> Iterator[bool]:
    """Give whether a call may be made now; the slot is free again after the block.

    Without Redis there is no counting, and calls go on: the workers' own number is a limit, too.
    """
    holder = uuid4().hex
    try:
        mine = bool(_take(keys=[KEY], args=[settings.SFMC_CONCURRENCY, _seconds(), holder]))
    except redis.RedisError as err:
        log.warning("calls are not counted", error=type(err).__name__)
        mine, holder = True, ""
    try:
        yield mine
    finally:
        if mine and holder:
            _give_back(holder)


def _seconds() -> float:
    """Return how long a holder may take: as long as its rows are leased."""
    return float(settings.LEASE_SECONDS)


def _give_back(holder: str) -> None:
    """Free a slot; one that cannot be freed frees itself."""
    try:
        _client.zrem(KEY, holder)
    except redis.RedisError as err:
        log.warning("slot not given back", error=type(err).__name__)
