"""Makes emptying and refilling the tables between tests cheap; the result is Django's.

Django truncates all tables after a test with transactions of its own, and saves the rows that the
migrations made one by one before the next. On PostgreSQL both together take longer than most
tests: TRUNCATE makes new files for each table and index, and there are 200 rows.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.backends.postgresql.operations import DatabaseOperations

Rows = list[tuple[Any, ...]]
# Fixtures of pytest-django that give a test transactions of its own.
TRANSACTIONAL = {"transactional_db", "live_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every test with transactions of its own leave the tables as the migrations made them.

    After one that does not ask for it, Django makes content types and permissions anew, with other
    ids: the next test that does ask would find them twice.
    """
    restored = pytest.mark.django_db(transaction=True, serialized_rollback=True)
    for item in items:
        marker = item.get_closest_marker("django_db")
        fixtures = set(getattr(item, "fixturenames", ()))
        if (marker and marker.kwargs.get("transaction")) or fixtures & TRANSACTIONAL:
            item.add_marker(restored, append=False)


@pytest.fixture(scope="session", autouse=True)
def quick_reset() -> Iterator[None]:
    """Delete instead of truncating, and insert the first rows with one statement per table."""
    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "sql_flush", _sql_flush)
    patch.setattr(BaseDatabaseCreation, "deserialize_db_from_string", _Refill().refill)
    yield
    patch.undo()


def _sql_flush(
    self: DatabaseOperations, _style: object, tables: Sequence[str], **_options: bool
) -> list[str]:
    """Return DELETE statements. They are run without triggers, and so without foreign keys."""
    return [f"DELETE FROM {self.quote_name(table)}" for table in tables]


class _Refill:
    """Remembers the rows that Django's own way has made, and inserts them from then on."""

    def __init__(self) -> None:
        self._original = BaseDatabaseCreation.deserialize_db_from_string
        self._known: dict[str, dict[str, Rows]] = {}

    def refill(self, data: str) -> None:
        """Insert the rows that the migrations made into the empty tables of the database."""
        connection = connections["default"]
        if data not in self._known:
            self._original(connection.creation, data)
            self._known[data] = _rows(connection)
            return
        with transaction.atomic(), connection.cursor() as cursor:
            for table, rows in self._known[data].items():
                one = f"({', '.join(['%s'] * len(rows[0]))})"
                cursor.execute(
                    f"INSERT INTO {connection.ops.quote_name(table)} VALUES "
                    f"{', '.join([one] * len(rows))}",
                    [value for row in rows for value in row],
                )


def _rows(connection: BaseDatabaseWrapper) -> dict[str, Rows]:
    """Return the rows of each table that has any."""
    found: dict[str, Rows] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = cursor.fetchall()
    return {table: rows for table, rows in found.items() if rows}
