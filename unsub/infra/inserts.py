"""Inserts that cannot violate a unique constraint.

PostgreSQL logs failing statements with their values: names and addresses of people (docs/adr/0005).
So no insert is used to find out whether a row exists.
"""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.constants import OnConflict

_Row = TypeVar("_Row", bound=Model)


def insert_unless_present(row: Model) -> bool:
    """Return whether the row was inserted; if so, its primary key is set. False where a unique
    constraint has such a row already, committed or of this transaction.

    One statement (INSERT ... ON CONFLICT DO NOTHING), on SQLite and PostgreSQL, inside a
    transaction or not. PostgreSQL waits for another transaction that is inserting such a row.
    """
    # As Model.save() does; Django has no public name for it.
    meta = row._meta  # noqa: SLF001
    fields = [
        field
        for field in meta.local_concrete_fields
        if not field.generated and (row.pk is not None or field is not meta.auto_field)
    ]
    # `bulk_create(ignore_conflicts=True)` is this statement without RETURNING: it does not say
    # which rows were inserted.
    manager: Any = type(row)._base_manager  # noqa: SLF001
    (returned,) = manager._insert(  # noqa: SLF001
        [row], fields=fields, returning_fields=[meta.pk], on_conflict=OnConflict.IGNORE
    )
    if returned is None:
        return False
    row.pk = returned[0]
    state = row._state  # noqa: SLF001
    state.adding, state.db = False, manager.db
    return True


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
