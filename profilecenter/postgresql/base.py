"""The database backend that settings.py names.

libpq has a time-out for connecting and none for an answer: where the server hangs, its
`statement_timeout` hangs with it, and TCP sees nothing wrong.
"""

import time
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from unsub.infra.database_timeout import patience


class PatientConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer only as long as `patience` says."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return what the server answers; raises OperationalError when patience is out.

        The connection is given up then: an answer that came later would be taken for another.
        """
        limit = patience.get() if timeout is None else timeout
        started = time.monotonic()
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            raise
        except Exception as err:
            if limit is None or time.monotonic() - started < limit:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from err


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for the connections it makes."""

    Database = SimpleNamespace(  # type: ignore[assignment]  # it stands for the module
        **vars(psycopg) | {"connect": PatientConnection.connect}
    )
