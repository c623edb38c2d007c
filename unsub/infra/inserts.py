"""Inserts that cannot violate a unique constraint.

PostgreSQL logs failing statements with their values: names and addresses of people (docs/adr/0005).
So no insert is used to find out whether a row exists.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import InsertQuery

_Row = TypeVar("_Row", bound=Model)
# Where in the row an expression stands, such as Now(), instead of a value.
_Expressions = tuple[tuple[int, Expression], ...]


def insert_unless_present(row: Model) -> bool:
    """Return whether the row was inserted; if so, its primary key is set. False where a unique
    constraint has such a row already, committed or of this transaction.

    One statement (INSERT ... ON CONFLICT DO NOTHING), on SQLite and PostgreSQL, inside a
    transaction or not. PostgreSQL waits for another transaction that is inserting such a row.
    """
    model, has_key = type(row), row.pk is not None
    fields = _fields(model, has_key)
    values = [getattr(row, field.attname) for field in fields]
    expressions = tuple(
        (number, value) for number, value in enumerate(values) if isinstance(value, Expression)
    )
    sql, parameters_of = _statement(model, has_key, expressions, connection.vendor)
    parameters: list[Any] = []
    for number, (field, value) in enumerate(zip(fields, values, strict=True)):
        known = parameters_of.get(number)
        if known is None:
            parameters.append(field.get_db_prep_save(value, connection))
        else:
            parameters += known
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        returned = cursor.fetchone()
    if returned is None:
        return False
    row.pk = returned[0]
    state = row._state  # noqa: SLF001 - as Model.save() does
    state.adding, state.db = False, connection.alias
    return True


@lru_cache(maxsize=32)
def _fields(model: type[Model], has_key: bool) -> tuple["Field[Any, Any]", ...]:
    """Return the fields that an INSERT of a row writes."""
    meta = model._meta  # noqa: SLF001 - Django has no public name for it
    return tuple(
        field
        for field in meta.local_concrete_fields
        if not field.generated and (has_key or field is not meta.auto_field)
    )


@lru_cache(maxsize=64)
def _statement(
    model: type[Model],
    has_key: bool,
    expressions: _Expressions,
    vendor: str,  # noqa: ARG001
) -> tuple[str, dict[int, Sequence[Any]]]:
    """Return the statement, and the parameters of its expressions by their number in the row.

    Kept, because Django takes longer to write an INSERT of forty columns than the database to carry
    it out; `vendor` is part of what it is kept by.
    """
    fields = _fields(model, has_key)
    query = InsertQuery(model)
    compiler: Any = query.get_compiler(connection=connection)
    places = ["%s"] * len(fields)
    parameters: dict[int, Sequence[Any]] = {}
    for number, expression in expressions:
        value = expression.resolve_expression(query, allow_joins=False, for_save=True)
        places[number], parameters[number] = compiler.compile(value)
    quote = connection.ops.quote_name
    meta = model._meta  # noqa: SLF001 - Django has no public name for it
    names = ", ".join(quote(str(field.column)) for field in fields)
    key = quote(str(meta.pk.column))
    into = f"{quote(meta.db_table)} ({names})"
    sql = f"INSERT INTO {into} VALUES ({', '.join(places)}) ON CONFLICT DO NOTHING RETURNING {key}"  # noqa: S608 - names of columns
    return sql, parameters


def find_or_insert(rows: QuerySet[_Row], row: _Row) -> tuple[_Row, bool]:
    """Return the only one of `rows`, or else `row`, inserted; and whether it is new.

    `rows` has to be a query that a unique constraint limits to one row. Replaces `get_or_create`,
    whose insert may fail.
    """
    found = rows.first()
    if found is not None:
        return found, False
    if insert_unless_present(row):
        return row, True
    return rows.get(), False
