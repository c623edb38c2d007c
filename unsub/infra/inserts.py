"""Inserts that cannot violate a unique constraint.

PostgreSQL logs failing statements with their values: names and addresses of people (docs/adr/0005).
So no insert is used to find out whether a row exists.
"""

from collections.abc import Mapping, Sequence
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
    compiled = _compiled(model, expressions)
    places = [compiled[number][0] if number in compiled else "%s" for number in range(len(fields))]
    key = connection.ops.quote_name(str(model._meta.pk.column))  # noqa: SLF001 - see above
    sql = f"{_insert_into(model, fields, places)} ON CONFLICT DO NOTHING RETURNING {key}"
    return sql, {number: parameters for number, (_, parameters) in compiled.items()}


def insert_statement(row: Model, stand_ins: Mapping[str, str]) -> tuple[str, Sequence[Any]]:
    """Return the INSERT of a row without a primary key, and its parameters: those of `stand_ins`
    for the columns that it names by their attributes, and the row's own for all others."""
    fields = _fields(type(row), False)
    values = [stand_ins.get(field.attname, getattr(row, field.attname)) for field in fields]
    compiled = _compiled(
        type(row),
        tuple((at, value) for at, value in enumerate(values) if isinstance(value, Expression)),
    )
    places, parameters = list[str](), list[Any]()
    for at, (field, value) in enumerate(zip(fields, values, strict=True)):
        place, known = compiled.get(at, ("%s", (value,)))
        if at not in compiled and field.attname not in stand_ins:
            known = (field.get_db_prep_save(value, connection),)
        places.append(place)
        parameters += known
    return _insert_into(type(row), fields, places), parameters


def _compiled(
    model: type[Model], expressions: _Expressions
) -> dict[int, tuple[str, Sequence[Any]]]:
    """Return the SQL and the parameters of each expression, by its number in the row."""
    query = InsertQuery(model)
    compiler: Any = query.get_compiler(connection=connection)
    return {
        number: compiler.compile(
            expression.resolve_expression(query, allow_joins=False, for_save=True)
        )
        for number, expression in expressions
    }


def _insert_into(
    model: type[Model], fields: Sequence["Field[Any, Any]"], places: Sequence[str]
) -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    table = quote(model._meta.db_table)  # noqa: SLF001 - Django has no public name for it
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(places)})"  # noqa: S608 - names of columns


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
