"""A finished attempt is evidence: PostgreSQL refuses to change or delete it (invariant 6)."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

CREATE = """
CREATE FUNCTION unsub_attempt_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'delivery attempts are append-only'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER unsub_attempt_no_change BEFORE UPDATE ON unsub_deliveryattempt
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION unsub_attempt_is_final();
CREATE TRIGGER unsub_attempt_no_delete BEFORE DELETE ON unsub_deliveryattempt
    FOR EACH ROW EXECUTE FUNCTION unsub_attempt_is_final();
"""
DROP = """
DROP TRIGGER unsub_attempt_no_delete ON unsub_deliveryattempt;
DROP TRIGGER unsub_attempt_no_change ON unsub_deliveryattempt;
DROP FUNCTION unsub_attempt_is_final();
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
    """Triggers on the attempts' table."""

    dependencies = (("unsub", "0001_initial"),)
    operations = (migrations.RunPython(create, drop, elidable=False),)
