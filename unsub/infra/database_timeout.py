"""Time-out for the database on the web's path: detects an outage within two seconds, and remembers
it for five.

Visitors must not wait for a database that hangs (design, invariant 1). Used where there is an
alternative to the database; all other code waits as long as the server's own limits allow.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import InterfaceError, OperationalError

QUERY_SECONDS = 2.0  # seconds per round trip
RETRY_AFTER = 5.0  # seconds in which a database that did not answer is not tried again

# Read by profilecenter.postgresql. None: no time-out, which migrations need.
query_timeout: ContextVar[float | None] = ContextVar("query_timeout", default=None)


class DatabaseUnavailableError(OperationalError):
    """The database did not answer a moment ago, and is not tried again yet."""


class _State:
    """Until when the database is not tried, on this process's monotonic clock."""

    until = 0.0


@contextmanager
def fail_fast() -> Iterator[None]:
    """Limit each round trip of the block to QUERY_SECONDS.

    Raises DatabaseUnavailableError immediately where the database did not answer within the last
    RETRY_AFTER seconds, so that an outage delays one visitor per process by two seconds, and the
    others not at all."""
    if time.monotonic() < _State.until:
        raise DatabaseUnavailableError("the database is not asked again yet")
    try:
        with limit_queries(QUERY_SECONDS):
            yield
    except (OperationalError, InterfaceError):
        _State.until = time.monotonic() + RETRY_AFTER
        raise


@contextmanager
def limit_queries(seconds: float) -> Iterator[None]:
    """Limit each round trip of the block to `seconds`."""
    before = query_timeout.set(seconds)
    try:
        yield
    finally:
        query_timeout.reset(before)


def reset() -> None:
    """Allow the next access to the database at once."""
    _State.until = 0.0
