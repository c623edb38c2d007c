"""Inserts that never fail on a unique constraint.

PostgreSQL writes a statement that fails into its own log, with the values in it: names and
addresses of people (docs/adr/0005). So nothing here inserts to find out whether a row is there.
"""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.constants import OnConflict

_Row = TypeVar("_Row", bound=Model)


def insert_unless_present(row: Model) -> bool:
    """Return whether the row was inserted; its primary key is set then. False where a unique
    constraint has a row like it already, which is committed by then or of this transaction.

    One statement, on SQLite and PostgreSQL, inside a transaction or not. PostgreSQL waits for
    another transaction that is just inserting such a row.
    """
    # What Model.save() does; Django has no public name for it.
    meta = row._meta  # noqa: SLF001
    fields = [
        field
        for field in meta.local_concrete_fields
        if not field.generated and (row.pk is not None or field is not meta.auto_field)
    ]
    # `bulk_create(ignore_conflicts=True)` is this statement without RETURNING, and so does not tell
    # what was inserted from what was there.
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
    """Return the one of `rows`, or else `row`, inserted; and whether it is new. `rows` is what a
    unique constraint allows one of. `get_or_create` without the insert that may fail."""
    found = rows.first()
    if found is not None:
        return found, False
    if insert_unless_present(row):
        return row, True
    return rows.get(), False
