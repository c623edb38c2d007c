"""The database backend named in settings.py.

libpq has a time-out for connecting, but none for a reply: if the server hangs, its
`statement_timeout` hangs, too, and TCP notices nothing.

Behind a connection pooler such as PgBouncer (`POOLER` in the settings), the next transaction may
run in another session of the server: nothing is kept there between two transactions (ADR 0025).
"""

import time
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db import OperationalError
from django.db.backends.postgresql import base, operations
from psycopg import generators
from psycopg.pq import ExecStatus, TransactionStatus

from unsub.infra.database_timeout import QUERY_SECONDS, limit_queries, query_timeout

# The server's own time-outs. A database that hangs is noticed by `query_timeout` before.
TIMEOUTS = {"statement_timeout": "15s", "lock_timeout": "5s"}
_REFUSED_PARAMETER = "unsupported startup parameter"
CHECKED_FOR = 1.0  # seconds


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that waits for a reply at most `patience` seconds."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return the server's reply; raises OperationalError after the time-out.

        The connection is closed then: a late reply would be taken for that of the next statement.
        """
        limit = query_timeout.get() if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except Exception as err:
            # While a reply is missing. What psycopg raises then differs from version to version.
            if limit is None or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from err


class PooledConnection(TimeoutConnection):
    """A connection to a pooler: the time-outs are set in each transaction, for it alone.

    A session of the server that stays read-only is the pooler's, which would give it to the next
    client. It ends one whose client leaves in the middle of a transaction.
    """

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return the server's reply. A transaction that turns out to be read-only ends with its
        session. Raises as TimeoutConnection does."""
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors.ReadOnlySqlTransaction:
            if self.pgconn.transaction_status == TransactionStatus.INERROR:
                self.pgconn.finish()
            raise

    def end_read_only_session(self) -> None:
        """Close this connection in the middle of a transaction, where the pooler gives it a session
        that is read-only. Raises psycopg.Error."""
        with self.transaction(force_rollback=True):
            if _is_read_only(self):
                self.pgconn.finish()

    def _start_query(self) -> Generator[Any, Any, None]:
        """Begin a transaction where one is needed, in one message with its time-outs, so that they
        cost no round trip. Overrides a method of psycopg, which sends BEGIN alone."""
        if self.autocommit or self.pgconn.transaction_status != TransactionStatus.IDLE:
            return
        limits = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in TIMEOUTS.items())
        self.pgconn.send_query(self._get_tx_start_command() + limits.encode())
        results: list[Any] = yield from generators.execute(self.pgconn)
        for result in results:
            if result.status != ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)


def _is_read_only(connection: psycopg.Connection[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only')")
        found: tuple[str] = cursor.fetchone() or ("on",)
    return found[0] != "off"


_direct = SimpleNamespace(**vars(psycopg) | {"connect": TimeoutConnection.connect})
_pooled = SimpleNamespace(**vars(psycopg) | {"connect": PooledConnection.connect})


class Operations(operations.DatabaseOperations):
    """Django's own, which reads the statement that was executed from its own cursors only."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """Return the statement, without the values of a prepared one."""
        if isinstance(cursor, psycopg.RawCursor):
            return str(sql)
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with our connection classes and time-outs, without sessions that stay
    read-only, and with fewer round trips.

    Django asks the server before the first statement of each request whether the connection is
    alive. Here it asks at most once in CHECKED_FOR: a server that went away within that time is
    noticed by the statement itself, and the request is spooled as in any other outage.
    """

    ops_class = Operations
    _checked_until = 0.0
    Database = _direct  # type: ignore[assignment]  # it stands for the module

    @property
    def has_pooler(self) -> bool:
        """Whether a connection pooler is between us and the server."""
        return bool(self.settings_dict.get("POOLER"))

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters of a connection. `options` of DATABASE_URL come last, so that they
        count."""
        params = super().get_connection_params()
        if self.has_pooler:
            # A statement prepared in one session of the server is unknown to the next.
            return params | {"prepare_threshold": None}
        # Of the statements of `prepared_cursor` alone: Django's own cursors prepare none.
        params["prepare_threshold"] = 0
        ours = " ".join(f"-c {name}={value}" for name, value in TIMEOUTS.items())
        return params | {"options": f"{ours} {params.get('options', '')}".strip()}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection. Raises OperationalError, which names the setting where a pooler
        refuses our start parameters."""
        self.Database = _pooled if self.has_pooler else _direct
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as err:
            if _REFUSED_PARAMETER in str(err):
                raise OperationalError(
                    "DATABASE_URL leads to a connection pooler. Set DATABASE_POOLER=true, and "
                    "remove `options` from DATABASE_URL."
                ) from err
            raise

    def prepared_cursor(self) -> Any:
        """Return a cursor whose statements have numbered parameters (`$1`), and are prepared where
        there is no pooler: planned once for each connection."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(psycopg.RawCursor(self.connection))  # type: ignore[attr-defined]

    def is_usable(self) -> bool:
        """Return whether the connection answers and takes writes.

        A session that began while the database was read-only, or before its server became a
        replica, can stay read-only for its life. Django asks before a request and after an error,
        and connects anew where the answer is False. Behind a pooler that session ends, too.
        """
        if self.connection is None:
            return False
        # At the end of a request there is no time-out, and the server may hang by now.
        with limit_queries(query_timeout.get() or QUERY_SECONDS):
            return self._takes_writes()

    def _takes_writes(self) -> bool:
        try:
            if not _is_read_only(self.connection):
                return True
            if self.has_pooler:
                self.connection.end_read_only_session()
        except psycopg.Error:
            pass
        return False

    def close_if_health_check_failed(self) -> None:
        """Close the connection where the server has closed it. Does not ask the server where it
        answered within CHECKED_FOR."""
        if time.monotonic() < self._checked_until:
            # Django asks before it changes autocommit, too: within a request, once is enough, and
            # a query at the end of a transaction would begin another.
            self.health_check_done = True
            return
        super().close_if_health_check_failed()
        if self.connection is not None:
            self._checked_until = time.monotonic() + CHECKED_FOR

    def connect(self) -> None:
        """Connect."""
        super().connect()
        self._checked_until = time.monotonic() + CHECKED_FOR
