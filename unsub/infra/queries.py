"""Queries that Django writes once and that are executed many times, with lists and models.

Django takes some 2 ms to write a query with subqueries and 0.3 ms for a plain one; executing it
takes 0.1 ms of this process. `prepared.py` has the same for an UPDATE of one row.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import BooleanField, Expression, F, Field, Model, QuerySet, Subquery
from django.db.models.sql import UpdateQuery

_Model = TypeVar("_Model", bound=Model)
_Written = tuple[str, tuple[Any, ...]]


class Given(Expression):
    """A value that is given when the query is executed: one of this field, or a list of them for
    `OneOf`."""

    def __init__(self, name: str, field: "Field[Any, Any]", *, many: bool = False) -> None:
        super().__init__(output_field=field)
        self.name, self._many = name, many

    def as_sql(self, _compiler: Any, _connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return a place whose parameter is this object."""
        return "%s", (self,)

    def adapted(self, value: Any) -> Any:
        """Return the value as this thread's database takes it."""
        if not self._many:
            field: Field[Any, Any] = self.output_field
            return field.get_db_prep_value(value, connection)
        return list(value) if connection.vendor == "postgresql" else json.dumps(list(value))


class OneOf(Expression):
    """Whether a column has one of the given values, or one of those of a subquery.

    A list is one parameter, so that the text of the query does not depend on its length. On
    PostgreSQL a subquery is carried out first, so that an index on the column is used.
    """

    def __init__(self, column: str, values: Given | QuerySet[Any]) -> None:
        super().__init__(output_field=BooleanField())
        inner = values if isinstance(values, Given) else Subquery(values)
        self._sources: list[Any] = [F(column), inner]

    def get_source_expressions(self) -> list[Any]:
        """Return column and values."""
        return self._sources

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        """Set column and values."""
        self._sources = list(exprs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition."""
        (column, first), (values, more) = map(compiler.compile, self._sources)
        is_list, is_postgresql = values == "%s", connection.vendor == "postgresql"
        if is_list:
            values = "(%s)" if is_postgresql else "(SELECT value FROM json_each(%s))"
        elif is_postgresql:
            values = f"(ARRAY{values})"
        operator = "= ANY" if is_postgresql else "IN"
        return f"{column} {operator} {values}", (*first, *more)


class _Query:
    """The text of a query, by the kind of the database."""

    def __init__(self) -> None:
        self._by_vendor: dict[str, _Written] = {}

    def _execute(self, cursor: Any, given: dict[str, Any]) -> None:
        sql, parameters = self._by_vendor.get(connection.vendor) or self._write_now()
        cursor.execute(sql, [
            one.adapted(given[one.name]) if isinstance(one, Given) else one for one in parameters
        ])  # fmt: skip

    def _write_now(self) -> _Written:
        sql, parameters = self._write()
        self._by_vendor[connection.vendor] = sql, tuple(parameters)
        return sql, tuple(parameters)

    def _write(self) -> tuple[str, Sequence[Any]]:
        raise NotImplementedError


class PreparedSelect(_Query):
    """A SELECT. `build` returns the rows, with `values_list`; it is called once, where the query is
    first executed."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        super().__init__()
        self._build = build
        self._converters: dict[str, Any] = {}

    def rows(self, **given: Any) -> list[tuple[Any, ...]]:
        """Return the rows. Raises DatabaseError."""
        with connection.cursor() as cursor:
            self._execute(cursor, given)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        converters = self._converters[connection.vendor]
        return [_converted(row, converters) for row in found] if converters else found

    def column(self, **given: Any) -> list[Any]:
        """Return the first column of the rows."""
        return [row[0] for row in self.rows(**given)]

    def _write(self) -> tuple[str, Sequence[Any]]:
        compiler: Any = self._build().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [one[0] for one in compiler.select]
        self._converters[connection.vendor] = compiler.get_converters(columns)
        return sql, parameters


def _converted(row: tuple[Any, ...], converters: dict[int, Any]) -> tuple[Any, ...]:
    """Return a row with the values as Django's fields have them."""
    values = list(row)
    for number, (functions, expression) in converters.items():
        for function in functions:
            values[number] = function(values[number], expression, connection)
    return tuple(values)


class PreparedModels(Generic[_Model]):
    """A SELECT of whole rows. `build` returns them as a QuerySet."""

    def __init__(self, model: type[_Model], build: Callable[[], QuerySet[_Model]]) -> None:
        self._model = model
        # Django has no public name for it.
        self._names = [one.attname for one in model._meta.concrete_fields]  # noqa: SLF001
        self._select = PreparedSelect(lambda: build().values_list(*self._names))

    def objects(self, **given: Any) -> list[_Model]:
        """Return the rows. Raises DatabaseError."""
        make, alias, names = self._model.from_db, connection.alias, self._names
        return [make(alias, names, row) for row in self._select.rows(**given)]


class PreparedChange(_Query):
    """An UPDATE. `build` returns the rows and the values of their columns, as for
    `QuerySet.update`."""

    def __init__(self, build: Callable[[], tuple[QuerySet[Any], dict[str, Any]]]) -> None:
        super().__init__()
        self._build = build

    def execute(self, **given: Any) -> int:
        """Return how many rows were changed. Raises DatabaseError."""
        with connection.cursor() as cursor:
            self._execute(cursor, given)
            return int(cursor.rowcount)

    def _write(self) -> tuple[str, Sequence[Any]]:
        rows, columns = self._build()
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(columns)
        written: tuple[str, Sequence[Any]] = query.get_compiler(connection=connection).as_sql()
        return written


class PreparedText(_Query):
    """A statement that Django has no form for, written by hand, for each kind of database. The
    names in it are our tables and columns; its parameters are `Given`."""

    def __init__(self, texts: Callable[[str], str], parameters: Sequence[Given]) -> None:
        super().__init__()
        self._texts, self._parameters = texts, parameters

    def execute(self, **given: Any) -> int:
        """Return how many rows were written. Raises DatabaseError."""
        with connection.cursor() as cursor:
            self._execute(cursor, given)
            return int(cursor.rowcount)

    def _write(self) -> tuple[str, Sequence[Any]]:
        return self._texts(connection.vendor), self._parameters
