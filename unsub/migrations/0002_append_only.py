"""Delivery attempts and notes are evidence: the database refuses to change or delete them.

SQLite loses a table's triggers when Django rebuilds the table (any AlterField, or a constraint): a
later migration that does so has to create them again.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Of an attempt nothing changes once it is finished; until then it can be finished, and that is all.
ATTEMPT = (
    "OLD.finished_at IS NOT NULL OR NEW.finished_at IS NULL"
    " OR OLD.request_id {differs} NEW.request_id OR OLD.link_email_id {differs} NEW.link_email_id"
    " OR OLD.number {differs} NEW.number OR OLD.started_at {differs} NEW.started_at"
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
