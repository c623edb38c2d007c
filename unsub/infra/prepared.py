"""Statements that Django writes once and that are executed many times.

Django takes longer to write a statement of forty columns, or one with subqueries, than the database
to carry it out; and PostgreSQL takes longer to plan it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery

# How a value that varies is written into the statement before it is known: as a text that no
# statement of ours contains.
_STAND_IN = re.compile("'\N{SYMBOL FOR NULL}([a-z_0-9]+)'")
Written = tuple[str, Sequence[Any]]


class Prepared:
    """A statement that is written once for each kind of database, and that PostgreSQL prepares once
    for each connection.

    `write` gets a stand-in for each of `names`, and returns the statement and its parameters, of
    which some are stand-ins.
    """

    def __init__(self, write: Callable[[Mapping[str, str]], Written], names: Sequence[str]) -> None:
        self._write = write
        self._stand_ins = {name: f"\N{SYMBOL FOR NULL}{name}" for name in names}
        self._names = {text: name for name, text in self._stand_ins.items()}
        # By the kind of the database.
        self._written: dict[str, Written] = {}

    def fetch(self, values: Mapping[str, str | int | None]) -> tuple[Any, ...] | None:
        """Execute the statement with these values, and return its first row, or None where there is
        none. Raises DatabaseError."""
        vendor = connection.vendor
        written = self._written.get(vendor)
        if written is None:
            written = self._written[vendor] = self._for(vendor)
        sql, parameters = written
        if vendor == "postgresql":
            # As texts, of which PostgreSQL derives the types: psycopg would give numbers of
            # different sizes different types, and each combination is a statement of its own.
            texts = [None if (one := values[name]) is None else str(one) for name in parameters]
            return _fetch(connection.prepared_cursor(), sql, texts)  # type: ignore[attr-defined]
        names = self._names
        given = [values[names[one]] if one in names else one for one in parameters]
        return _fetch(connection.cursor(), sql, given)

    def _for(self, vendor: str) -> Written:
        """Return the statement and its parameters; for PostgreSQL with the constant ones in the
        statement, and the names of the others."""
        sql, parameters = self._write(self._stand_ins)
        if vendor != "postgresql":
            return sql, parameters
        sql = connection.ops.compose_sql(sql, parameters)  # type: ignore[attr-defined]
        names = list(dict.fromkeys(_STAND_IN.findall(sql)))
        return _STAND_IN.sub(lambda found: f"${names.index(found[1]) + 1}", sql), names


def _fetch(cursor: Any, sql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    with cursor:
        cursor.execute(sql, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def update_statement(rows: QuerySet[Any], columns: Mapping[str, Any]) -> Written:
    """Return the UPDATE of `rows.update(**columns)`, and its parameters."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(dict(columns))
    sql, parameters = query.get_compiler(connection=connection).as_sql()
    return sql, parameters
