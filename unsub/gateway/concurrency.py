"""Limit on concurrent calls to Marketing Cloud, over all processes.

A counting semaphore in Redis: a sorted set of holders, scored by the expiry of their slot on
Redis's clock (`unsub/infra/call_slots.py`). The slot of a crashed holder expires by itself.

The reads of pages have slots of their own (docs/adr/0022), so that visitors never stop deliveries,
nor a backlog the pages.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from uuid import uuid4

import redis
import structlog
from django.conf import settings

from unsub.infra.call_slots import Caller
from unsub.infra.redis_client import quick_client

log = structlog.get_logger(__name__)

__all__ = ["Caller", "call_slot"]

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
_ROWS = "profilecenter:calls:rows"
REFUSED_FOR = 0.5  # seconds
# When this process was last refused a slot.
_refused_at: dict[Caller, float] = {}
_released = Condition()
# How many slots this process holds; changed under _released.
_held = dict.fromkeys(Caller, 0)


@contextmanager
def call_slot(caller: Caller = Caller.WORKERS) -> Iterator[bool]:
    """Yield whether `caller` may make a call now; the slot is released after the block.

    Without Redis nothing is counted and calls go on: worker concurrency still limits them.
    """
    holder = uuid4().hex
    try:
        mine = bool(_acquire(keys=[caller.value], args=[caller.limit, _seconds(), holder]))
    except redis.RedisError as err:
        log.warning("call_slots_unavailable", error=type(err).__name__)
        mine, holder = True, ""
    if not mine:
        _refused_at[caller] = time.monotonic()
    counts = mine and bool(holder)
    if counts:
        with _released:
            _held[caller] += 1
    try:
        yield mine
    finally:
        if counts:
            _release(caller.value, holder)
            with _released:
                _held[caller] -= 1
                _released.notify()


@contextmanager
def row_slot() -> Iterator[bool]:
    """Yield whether a page may read a row of a data extension now. These reads have half of the
    slots of pages: however many data extensions a unit has, and however slow they are, the other
    reads find a slot. They take a slot of pages, too."""
    holder = uuid4().hex
    try:
        limit = max(1, Caller.PAGES.limit // 2)
        mine = bool(_acquire(keys=[_ROWS], args=[limit, _seconds(), holder]))
    except redis.RedisError:
        # As in `call_slot`, which logs it.
        mine, holder = True, ""
    try:
        yield mine
    finally:
        if mine and holder:
            _release(_ROWS, holder)


def were_in_use(caller: Caller = Caller.WORKERS) -> bool:
    """Return whether this process was refused a slot a moment ago."""
    return time.monotonic() - _refused_at.get(caller, -math.inf) < REFUSED_FOR


def held_here(caller: Caller = Caller.WORKERS) -> int:
    """Return how many slots this process holds."""
    return _held[caller]


def wait_for_slot(seconds: float) -> bool:
    """Wait until this process releases a slot. Return False after `seconds` without one."""
    with _released:
        return _released.wait(seconds)


def _seconds() -> float:
    """Return the lifetime of a slot in seconds: as long as the lease of a batch."""
    return float(settings.LEASE_SECONDS)


def _release(key: str, holder: str) -> None:
    """Release a slot. If Redis fails, the slot expires by itself."""
    try:
        _client.zrem(key, holder)
    except redis.RedisError as err:
        log.warning("call_slot_release_failed", error=type(err).__name__)
