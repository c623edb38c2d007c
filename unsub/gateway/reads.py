"""Reads from Marketing Cloud that a page waits for, up to a deadline.

Calls past the deadline continue in the background until their own time-out. While AT_ONCE are
under way, further reads are skipped instead of queued. Reads that name a `place`, such as a data
extension, are limited besides: a slow place holds PLACE_AT_ONCE, all places together
PLACES_AT_ONCE, so that the other reads of a page go on.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from functools import partial
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any

import structlog
from django.db import connection

from unsub.sfmc import SfmcError

from . import concurrency

log = structlog.get_logger(__name__)

AT_ONCE, PLACES_AT_ONCE, PLACE_AT_ONCE = 16, 8, 4
_pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="page-read")
_free = BoundedSemaphore(AT_ONCE)
# Reads under way by place; changed under _counting.
_places: Counter[Hashable] = Counter()
_counting = Lock()


def start(read: Callable[[], Any], *, place: Hashable = None) -> "Future[Any] | None":
    """Start a read in a thread of its own. Return None where as many are under way as may be."""
    if place is not None and not _enter(place):
        return None
    if not _free.acquire(blocking=False):
        _leave(place)
        return None
    future = _pool.submit(_read, read)
    future.add_done_callback(partial(_end, place))
    return future


def _end(place: Hashable, _future: "Future[Any]") -> None:
    _leave(place)
    _free.release()


def _enter(place: Hashable) -> bool:
    """Count a read of a place, unless as many are under way as may be. Return whether it counts."""
    with _counting:
        is_free = _places[place] < PLACE_AT_ONCE and _places.total() < PLACES_AT_ONCE
        if is_free:
            _places[place] += 1
    return is_free


def _leave(place: Hashable) -> None:
    if place is None:
        return
    with _counting:
        _places[place] -= 1
        if not _places[place]:
            del _places[place]


def result(mid: int, what: str, future: "Future[Any] | None", until: float) -> Any:
    """Return the result of a read, or None where it failed, missed the deadline (`until`, on the
    monotonic clock) or was not made. Failures are logged with the name `what`."""
    try:
        return future.result(timeout=max(until - monotonic(), 0)) if future else None
    except (SfmcError, TookTooLong) as err:
        log.warning("page_read_failed", mid=mid, what=what, error=type(err).__name__)
        return None


def _read(read: Callable[[], Any]) -> Any:
    """Return the result of `read`, or None where all call slots of pages are taken. Closes this
    thread's connection to the database, if the read needed one: no request does."""
    try:
        with concurrency.call_slot(concurrency.Caller.PAGES) as free:
            return read() if free else None
    finally:
        connection.close()
