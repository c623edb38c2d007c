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

PATIENCE = 2.0  # seconds per round trip
REST = 5.0  # seconds in which a database that did not answer is not tried again

# Read by profilecenter.postgresql. None: no time-out, which migrations need.
patience: ContextVar[float | None] = ContextVar("patience", default=None)


class Away(OperationalError):  # noqa: N818 - not a mistake of anybody's
    """The database did not answer a moment ago, and is not tried again yet."""


class _Memory:
    """Until when the database is not tried, on this process's monotonic clock."""

    until = 0.0


@contextmanager
def answering() -> Iterator[None]:
    """Limit each round trip of the block to PATIENCE seconds.

    Raises Away immediately where the database did not answer within the last REST seconds, so that
    an outage delays one visitor per process by two seconds, and the others not at all.
    """
    if time.monotonic() < _Memory.until:
        raise Away("the database is given a rest")
    try:
        with patient_for(PATIENCE):
            yield
    except (OperationalError, InterfaceError):
        _Memory.until = time.monotonic() + REST
        raise


@contextmanager
def patient_for(seconds: float) -> Iterator[None]:
    """Limit each round trip of the block to `seconds`."""
    before = patience.set(seconds)
    try:
        yield
    finally:
        patience.reset(before)


def forget() -> None:
    """Allow the next access to the database at once."""
    _Memory.until = 0.0
