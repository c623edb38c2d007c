"""Reads from Marketing Cloud that a page waits for, up to a deadline.

Calls past the deadline continue in the background until their own time-out. While AT_ONCE are
under way, further reads are skipped instead of queued.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

import structlog
from django.db import connection

from unsub.sfmc import SfmcError

from . import concurrency

log = structlog.get_logger(__name__)

AT_ONCE = 16
_pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="page-read")
_free = BoundedSemaphore(AT_ONCE)


def start(read: Callable[[], Any]) -> "Future[Any] | None":
    """Start a read in a thread of its own. Return None where AT_ONCE are under way."""
    if not _free.acquire(blocking=False):
        return None
    future = _pool.submit(_read, read)
    future.add_done_callback(lambda _: _free.release())
    return future


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
