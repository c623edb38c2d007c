"""Whether the database answers: found out within two seconds, and remembered for a few.

A visitor must not wait for a database that hangs (design, invariant 1). Used where there is a way
on without it; everything else waits as long as the server's own limits allow.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import InterfaceError, OperationalError

PATIENCE = 2.0  # seconds for one exchange
REST = 5.0  # seconds in which a database that did not answer is not asked again

# Read by profilecenter.postgresql: None waits for ever, as a migration must.
patience: ContextVar[float | None] = ContextVar("patience", default=None)


class Away(OperationalError):  # noqa: N818 - not a mistake of anybody's
    """The database did not answer a moment ago, and is not asked again yet."""


class _Memory:
    """When the database may be asked again, on this process's monotonic clock."""

    until = 0.0


@contextmanager
def answering() -> Iterator[None]:
    """Let the block use the database, for PATIENCE seconds an exchange.

    Raises Away at once where it did not answer within the last REST seconds, so that an outage
    costs one visitor of a process two seconds, and the others nothing.
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
    """Give up an exchange with the database after `seconds`, within the block."""
    before = patience.set(seconds)
    try:
        yield
    finally:
        patience.reset(before)


def forget() -> None:
    """Ask the database again at once."""
    _Memory.until = 0.0
