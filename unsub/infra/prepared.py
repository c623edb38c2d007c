"""Statements that Django writes once and that are executed many times.

Django takes longer to write a statement with subqueries than the database to carry it out.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery


class PreparedUpdate:
    """An UPDATE of at most one row. `build` gets a stand-in for each of `names`, all of them texts,
    and returns the rows and the values of their columns, as for `QuerySet.update`."""

    def __init__(
        self, build: Callable[..., tuple[QuerySet[Any], dict[str, Any]]], names: tuple[str, ...]
    ) -> None:
        self._build = build
        self._stand_ins = {f"\N{SYMBOL FOR NULL}{name}": name for name in names}
        # By the kind of the database.
        self._written: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def execute(self, **values: str) -> int | None:
        """Return the primary key of the updated row, or None where no row was. Raises
        DatabaseError."""
        if connection.vendor not in self._written:
            self._written[connection.vendor] = self._write()
        sql, parameters = self._written[connection.vendor]
        given = [values[self._stand_ins[one]] if one in self._stand_ins else one
                 for one in parameters]  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            found = cursor.fetchone()
        return int(found[0]) if found else None

    def _write(self) -> tuple[str, tuple[Any, ...]]:
        rows, columns = self._build(**{name: text for text, name in self._stand_ins.items()})
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(columns)
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        model: type[Model] = rows.model
        key = connection.ops.quote_name(str(model._meta.pk.column))  # noqa: SLF001
        return f"{sql} RETURNING {key}", tuple(parameters)
