"""Delivery attempts and notes are evidence: the database refuses to change or delete them.

SQLite loses a table's triggers when Django rebuilds the table (any AlterField, or a constraint): a
later migration that does so has to create them again.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def _any_differs(*columns: str) -> str:
    """Return the SQL for whether an UPDATE changes one of these columns."""
    return " OR ".join(f"OLD.{column} {{differs}} NEW.{column}" for column in columns)


# An attempt is finished, once; and where its worker had lost its lease by then, the late reply is
# added, once. Nothing else of it ever changes.
_CALL = _any_differs(
    "request_id", "link_email_id", "number", "started_at", "lease", "batch_size", "call_method"
)
_RESULT = _any_differs(
    "finished_at", "outcome", "status_code", "error_code", "detail", "sfmc_request_id"
)
ATTEMPT = (
    f"{_CALL} OR (OLD.finished_at IS NULL AND NEW.finished_at IS NULL)"
    " OR (OLD.finished_at IS NOT NULL AND (OLD.late_at IS NOT NULL OR NEW.late_at IS NULL"
    f" OR {_RESULT}))"
)
# Of a note only the user may go: their account can be deleted, the note stays.
NOTE = (
    "OLD.note {differs} NEW.note OR OLD.at {differs} NEW.at"
    " OR OLD.request_id {differs} NEW.request_id OR NEW.user_id IS NOT NULL"
)

POSTGRESQL = """
CREATE FUNCTION unsub_{name}_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{plural} are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER unsub_{name}_no_change BEFORE UPDATE ON {table}
    FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION unsub_{name}_is_final();
CREATE TRIGGER unsub_{name}_no_delete BEFORE DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION unsub_{name}_is_final();
CREATE TRIGGER unsub_{name}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION unsub_{name}_is_final();
"""
POSTGRESQL_DROP = """
DROP TRIGGER unsub_{name}_no_truncate ON {table};
DROP TRIGGER unsub_{name}_no_delete ON {table};
DROP TRIGGER unsub_{name}_no_change ON {table};
DROP FUNCTION unsub_{name}_is_final();
"""
# One statement each: SQLite takes no more at once.
SQLITE = (
    """
CREATE TRIGGER unsub_{name}_no_change BEFORE UPDATE ON {table}
    FOR EACH ROW WHEN {changed}
    BEGIN SELECT RAISE(ABORT, '{plural} are append-only'); END
""",
    """
CREATE TRIGGER unsub_{name}_no_delete BEFORE DELETE ON {table}
    FOR EACH ROW BEGIN SELECT RAISE(ABORT, '{plural} are append-only'); END
""",
)
SQLITE_DROP = ("DROP TRIGGER unsub_{name}_no_delete", "DROP TRIGGER unsub_{name}_no_change")

TABLES = (
    {
        "name": "attempt",
        "plural": "delivery attempts",
        "table": "unsub_deliveryattempt",
        "changed": ATTEMPT,
    },
    {"name": "note", "plural": "notes", "table": "unsub_resolutionnote", "changed": NOTE},
)


def create(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers. TRUNCATE is refused, too; SQLite has none."""
    if schema_editor.connection.vendor == "postgresql":
        _execute(schema_editor, (POSTGRESQL,), differs="IS DISTINCT FROM")
    else:
        _execute(schema_editor, SQLITE, differs="IS NOT")


def drop(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers."""
    if schema_editor.connection.vendor == "postgresql":
        _execute(schema_editor, (POSTGRESQL_DROP,), differs="")
    else:
        _execute(schema_editor, SQLITE_DROP, differs="")


def _execute(
    schema_editor: BaseDatabaseSchemaEditor, statements: tuple[str, ...], *, differs: str
) -> None:
    for names in TABLES:
        for statement in statements:
            changed = names["changed"].format(differs=differs)
            # The names stand in this file; no value of a user's is among them.
            schema_editor.execute(statement.format(**{**names, "changed": changed}))


class Migration(migrations.Migration):
    """Triggers on the tables of attempts and notes."""

    dependencies = (("unsub", "0001_initial"),)
    operations = (migrations.RunPython(create, drop, elidable=False),)
