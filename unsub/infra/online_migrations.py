"""Operations of migrations that do not lock a large table while they read it, on PostgreSQL. On
SQLite, which has one writer at a time, they are Django's own (CONTRIBUTING.md, "Migrations").
"""

from typing import Any

from django.contrib.postgres import operations as postgresql
from django.db.migrations import AddConstraint, AddIndex, RemoveIndex


class AddIndexOnline(postgresql.AddIndexConcurrently):
    """Create an index while others write. Its migration needs `atomic = False`."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)
        else:
            AddIndex.database_forwards(self, app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)
        else:
            AddIndex.database_backwards(self, app_label, schema_editor, *states)


class RemoveIndexOnline(postgresql.RemoveIndexConcurrently):
    """Drop an index while others read and write. Its migration needs `atomic = False`."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)
        else:
            RemoveIndex.database_forwards(self, app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)
        else:
            RemoveIndex.database_backwards(self, app_label, schema_editor, *states)


class AddConstraintOnline(postgresql.AddConstraintNotValid):
    """Add a check constraint for rows that are written from now on. `ValidateConstraintOnline`, in
    a migration of its own, checks the others."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)
        else:
            AddConstraint.database_forwards(self, app_label, schema_editor, *states)


class ValidateConstraintOnline(postgresql.ValidateConstraint):
    """Check the rows that were there before a constraint, while others write."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)
