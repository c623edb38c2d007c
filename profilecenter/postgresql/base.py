"""The database backend named in settings.py.

libpq has a time-out for connecting, but none for a reply: if the server hangs, its
`statement_timeout` hangs, too, and TCP notices nothing.
"""

import time
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from unsub.infra.database_timeout import query_timeout


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that waits for a reply at most `patience` seconds."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return the server's reply; raises OperationalError after the time-out.

        The connection is closed then: a late reply would be taken for that of the next statement.
        """
        limit = query_timeout.get() if timeout is None else timeout
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
    """Django's own, with our connection class."""

    Database = SimpleNamespace(  # type: ignore[assignment]  # it stands for the module
        **vars(psycopg) | {"connect": TimeoutConnection.connect}
    )
