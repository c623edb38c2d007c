"""Limit on concurrent calls to Marketing Cloud, over all processes.

A counting semaphore in Redis: a sorted set of holders, scored by the expiry of their slot on
Redis's clock. The slot of a crashed holder expires by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis
import structlog
from django.conf import settings

from unsub.infra.redis_client import quick_client

log = structlog.get_logger(__name__)

KEY = "profilecenter:calls"
_ACQUIRE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2])) + 1)
return 1
"""
_client = quick_client(1.0)
_acquire = _client.register_script(_ACQUIRE)


@contextmanager
def call_slot() -> Iterator[bool]:
    """Yield whether a call may be made now; the slot is released after the block.

    Without Redis nothing is counted and calls go on: worker concurrency still limits them.
    """
    holder = uuid4().hex
    try:
        mine = bool(_acquire(keys=[KEY], args=[settings.SFMC_CONCURRENCY, _seconds(), holder]))
    except redis.RedisError as err:
        log.warning("call_slots_unavailable", error=type(err).__name__)
        mine, holder = True, ""
    try:
        yield mine
    finally:
        if mine and holder:
            _release(holder)


def _seconds() -> float:
    """Return the lifetime of a slot in seconds: as long as the lease of a batch."""
    return float(settings.LEASE_SECONDS)


def _release(holder: str) -> None:
    """Release a slot. If Redis fails, the slot expires by itself."""
    try:
        _client.zrem(KEY, holder)
    except redis.RedisError as err:
        log.warning("call_slot_release_failed", error=type(err).__name__)
