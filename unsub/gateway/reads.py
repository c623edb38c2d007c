"""Reads from Marketing Cloud that a page waits for, up to a deadline.

Calls past the deadline continue in the background until their own time-out. While AT_ONCE are
under way, further reads are skipped instead of queued. Reads of data extensions are counted apart,
so that the other reads of a page go on: ROWS_AT_ONCE of all data extensions, PLACE_AT_ONCE of one,
and over all processes their part of the call slots, for which they wait.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import nullcontext
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any

import structlog
from django.db import connection

from unsub.sfmc import SfmcError

from . import concurrency

log = structlog.get_logger(__name__)

AT_ONCE = 16
ROWS_AT_ONCE, PLACE_AT_ONCE = 16, 6
_LOOK_AGAIN = 0.05  # seconds, unless a slot is released here before
_pool = ThreadPoolExecutor(max_workers=AT_ONCE + ROWS_AT_ONCE, thread_name_prefix="page-read")
_free = BoundedSemaphore(AT_ONCE)
# Reads of rows under way, by data extension; changed under _counting.
_places: Counter[Hashable] = Counter()
_counting = Lock()


def start(read: Callable[[], Any]) -> "Future[Any] | None":
    """Start a read in a thread of its own. Return None where AT_ONCE are under way."""
    if not _free.acquire(blocking=False):
        return None
    future = _pool.submit(_read, read)
    future.add_done_callback(lambda _: _free.release())
    return future


def start_row(read: Callable[[], Any], *, place: Hashable, until: float) -> "Future[Any] | None":
    """Start a read of a row of the data extension `place` as `start` does. It waits for a call slot
    until the deadline (`until`, on the monotonic clock)."""
    if not _enter(place):
        return None
    future = _pool.submit(_read_row, read, until)
    future.add_done_callback(lambda _: _leave(place))
    return future


def _enter(place: Hashable) -> bool:
    """Count a read of a data extension, unless as many are under way as may be. Return whether it
    counts."""
    with _counting:
        is_free = _places[place] < PLACE_AT_ONCE and _places.total() < ROWS_AT_ONCE
        if is_free:
            _places[place] += 1
    return is_free


def _leave(place: Hashable) -> None:
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


def _read_row(read: Callable[[], Any], until: float) -> Any:
    """Return the result of `read`, or None where no call slot was free before `until`."""
    try:
        while True:
            with (
                concurrency.row_slot() as is_mine,
                concurrency.call_slot(concurrency.Caller.PAGES)
                if is_mine
                else nullcontext(False) as is_free,
            ):
                if is_free:
                    return read()
            if monotonic() >= until:
                return None
            concurrency.wait_for_slot(_LOOK_AGAIN)
    finally:
        connection.close()
