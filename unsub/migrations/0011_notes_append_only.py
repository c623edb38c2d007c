"""A note on how a request was dealt with is evidence, too: PostgreSQL refuses to change it."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Only the user may go: their account can be deleted, the note stays.
CREATE = """
CREATE FUNCTION unsub_note_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'notes are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER unsub_note_no_change BEFORE UPDATE ON unsub_handling
    FOR EACH ROW WHEN (
        OLD.note IS DISTINCT FROM NEW.note OR OLD.at IS DISTINCT FROM NEW.at
        OR OLD.request_id IS DISTINCT FROM NEW.request_id OR NEW.user_id IS NOT NULL
    ) EXECUTE FUNCTION unsub_note_is_final();
CREATE TRIGGER unsub_note_no_delete BEFORE DELETE ON unsub_handling
    FOR EACH ROW EXECUTE FUNCTION unsub_note_is_final();
"""
DROP = """
DROP TRIGGER unsub_note_no_delete ON unsub_handling;
DROP TRIGGER unsub_note_no_change ON unsub_handling;
DROP FUNCTION unsub_note_is_final();
"""


def create(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers on; SQLite, the embedded default, goes without."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def drop(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers off."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    """Triggers on the notes' table."""

    dependencies = (("unsub", "0010_handled_and_digest"),)
    operations = (migrations.RunPython(create, drop, elidable=False),)
