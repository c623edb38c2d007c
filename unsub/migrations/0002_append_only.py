"""Delivery attempts, notes and seals are evidence: the database refuses to change or delete them. Of
a request and of an email with a link it refuses to change what was asked, and how it ended; both
cannot be deleted.

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

# How a request or an email ended stays. It may become pending again, by Try again, after a late call
# and when what superseded it is withdrawn, and then keeps its last result until the next one.
RESULT = ("attempts", "outcome", "error_code", "sfmc_request_id")
ENDING = ("status", "finished_at")


def _ended(*more: str, again: tuple[str, ...]) -> str:
    """Return the SQL for whether an UPDATE changes how a row ended, other than by making it pending
    again from one of the statuses `again`."""
    statuses = ", ".join(f"'{status}'" for status in again)
    return (
        f"OLD.finished_at IS NOT NULL AND ({_any_differs(*RESULT)}"
        f" OR (NEW.finished_at IS NOT NULL AND ({_any_differs(*ENDING, *more)}))"
        f" OR (NEW.finished_at IS NULL AND NOT (NEW.status = 'pending' AND OLD.status IN"
        f" ({statuses}) AND (OLD.status <> 'refused' OR OLD.forgotten_at IS NULL))))"
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

# What was asked never changes, in a request and in an email with a link.
ASKED = ("mid", "job_id", "list_id", "batch_id", "language", "received_at")
ASKED_BY_REQUEST = (
    *ASKED, "kind", "target_type", "target_id", "target_name", "scope", "channel", "link_age",
    "scanner", "consent_text_id",
)  # fmt: skip
ASKED_BY_EMAIL = (*ASKED, "purpose", "request_id", "pause_id")
TRIED = ("delivery_id", "number", "started_at", "finished_at", "result", "status_code")
# By whom. What was empty is filled where Marketing Cloud has told it; retention and an erasure
# empty it when they set `forgotten_at`, after which nothing is filled. An erasure leaves a pseudonym
# as SubscriberKey.
WHO = {
    "subscriber_id": (
        "OLD.subscriber_id {differs} NEW.subscriber_id"
        " AND NOT (OLD.subscriber_id IS NULL AND OLD.forgotten_at IS NULL)"
        " AND NOT (NEW.subscriber_id IS NULL AND NEW.forgotten_at IS NOT NULL)"
    ),
    "subscriber_key": (
        "OLD.subscriber_key <> NEW.subscriber_key"
        " AND NOT (OLD.subscriber_key = '' AND OLD.forgotten_at IS NULL)"
        " AND NOT ((NEW.subscriber_key = '' OR substr(NEW.subscriber_key, 1, 7) = 'erased-')"
        " AND NEW.forgotten_at IS NOT NULL)"
    ),
    "forgotten_at": "OLD.forgotten_at IS NOT NULL AND NEW.forgotten_at IS NULL",
} | {
    name: (
        f"OLD.{name} <> NEW.{name}"
        f" AND NOT (OLD.{name} = '' AND OLD.forgotten_at IS NULL)"
        f" AND NOT (NEW.{name} = '' AND NEW.forgotten_at IS NOT NULL)"
    )
    for name in ("email_address", "address_digest", "address_mask")
}
# They empty the value, and empty the reason or shorten it to the unit's label. A reason that is
# given later, the confirmation, and what a request undoes are set once.
OTHER = {
    "seal_salt": (
        "OLD.seal_salt {differs} NEW.seal_salt"
        " AND NOT (NEW.seal_salt IS NULL AND NEW.forgotten_at IS NOT NULL)"
    ),
    "value": "OLD.value <> NEW.value AND NOT (NEW.value = '' AND NEW.forgotten_at IS NOT NULL)",
    "reason_text": (
        "OLD.reason_text <> '' AND OLD.reason_text <> NEW.reason_text"
        " AND NOT (NEW.forgotten_at IS NOT NULL"
        " AND substr(OLD.reason_text, 1, length(NEW.reason_text)) = NEW.reason_text)"
    ),
} | {
    name: f"OLD.{name} IS NOT NULL AND OLD.{name} {{differs}} NEW.{name}"
    for name in ("reason_id", "reason_added_at", "confirmed_at", "undoes_id")
}

# These fire only where a statement names one of the columns: a claim and a settlement do not.
POSTGRESQL_ASKED = """
CREATE FUNCTION unsub_{name}_was_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was asked never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER unsub_{name}_asked BEFORE UPDATE OF {columns} ON {table}
    FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION unsub_{name}_was_asked();
"""
POSTGRESQL_ASKED_DROP = """
DROP TRIGGER unsub_{name}_asked ON {table};
DROP FUNCTION unsub_{name}_was_asked();
"""
SQLITE_ASKED = """
CREATE TRIGGER unsub_{name}_asked BEFORE UPDATE OF {columns} ON {table}
    FOR EACH ROW WHEN {changed}
    BEGIN SELECT RAISE(ABORT, 'what was asked never changes'); END
"""
SQLITE_ASKED_DROP = "DROP TRIGGER unsub_{name}_asked"


def _asked(name: str, table: str, fixed: tuple[str, ...], more: dict[str, str]) -> dict[str, str]:
    """Return the names, columns and condition of the trigger on one table."""
    conditions = {one: f"OLD.{one} {{differs}} NEW.{one}" for one in fixed} | more
    return {
        "name": name,
        "table": table,
        "columns": ", ".join(conditions),
        "changed": " OR ".join(f"({one})" for one in conditions.values()),
    }


ASKED_TABLES = (
    _asked("request", "unsub_subscriberrequest", ASKED_BY_REQUEST, WHO | OTHER),
    _asked("link_email", "unsub_linkemail", ASKED_BY_EMAIL, WHO),
    # Of a webhook, what was tried: written once, and deleted by retention with its event.
    _asked("webhook_attempt", "unsub_webhookattempt", TRIED, {}),
)
TABLES = (
    {
        "name": "attempt",
        "plural": "delivery attempts",
        "table": "unsub_deliveryattempt",
        "changed": ATTEMPT,
    },
    {"name": "note", "plural": "notes", "table": "unsub_resolutionnote", "changed": NOTE},
    {"name": "seal", "plural": "seals", "table": "unsub_auditseal", "changed": "TRUE"},
    {
        "name": "request",
        "plural": "requests that have ended",
        "table": "unsub_subscriberrequest",
        "changed": _ended(
            "superseded_by_id", "call_method", again=("refused", "done", "superseded")
        ),
    },
    {
        "name": "link_email",
        "plural": "emails that have ended",
        "table": "unsub_linkemail",
        "changed": _ended(again=("refused",)),
    },
)


def create(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers. TRUNCATE is refused, too; SQLite has none."""
    if schema_editor.connection.vendor == "postgresql":
        differs = "IS DISTINCT FROM"
        _execute(schema_editor, TABLES, (POSTGRESQL,), differs=differs)
        _execute(schema_editor, ASKED_TABLES, (POSTGRESQL_ASKED,), differs=differs)
    else:
        _execute(schema_editor, TABLES, SQLITE, differs="IS NOT")
        _execute(schema_editor, ASKED_TABLES, (SQLITE_ASKED,), differs="IS NOT")


def drop(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers."""
    if schema_editor.connection.vendor == "postgresql":
        _execute(schema_editor, ASKED_TABLES, (POSTGRESQL_ASKED_DROP,), differs="")
        _execute(schema_editor, TABLES, (POSTGRESQL_DROP,), differs="")
    else:
        _execute(schema_editor, ASKED_TABLES, (SQLITE_ASKED_DROP,), differs="")
        _execute(schema_editor, TABLES, SQLITE_DROP, differs="")


def _execute(
    schema_editor: BaseDatabaseSchemaEditor,
    tables: tuple[dict[str, str], ...],
    statements: tuple[str, ...],
    *,
    differs: str,
) -> None:
    for names in tables:
        for statement in statements:
            changed = names["changed"].format(differs=differs)
            # The names stand in this file; no value of a user's is among them.
            schema_editor.execute(statement.format(**{**names, "changed": changed}))


# PostgreSQL's default waits until a fifth of the rows has changed: of ten million two million, and
# until then each look at the queue reads the entries of rows that left it long ago, counts by index
# read the rows, too, and the planner plans for the rows of months ago (docs/adr/0029).
GROWING = (
    "unsub_subscriberrequest", "unsub_deliveryattempt", "unsub_dailycount", "unsub_webhookevent",
    "unsub_webhookdelivery", "unsub_webhookattempt",
)  # fmt: skip
OFTEN_ENOUGH = {
    "autovacuum_vacuum_scale_factor": "0.005",
    "autovacuum_vacuum_threshold": "10000",
    "autovacuum_vacuum_insert_scale_factor": "0.01",
    "autovacuum_vacuum_insert_threshold": "10000",
    "autovacuum_analyze_scale_factor": "0.005",
    "autovacuum_analyze_threshold": "10000",
}


def vacuum_often(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have PostgreSQL clean up the growing tables after some ten thousand changes."""
    if schema_editor.connection.vendor == "postgresql":
        settings = ", ".join(f"{name} = {value}" for name, value in OFTEN_ENOUGH.items())
        for table in GROWING:
            schema_editor.execute(f"ALTER TABLE {table} SET ({settings})")


def vacuum_as_usual(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Return to PostgreSQL's defaults."""
    if schema_editor.connection.vendor == "postgresql":
        for table in GROWING:
            schema_editor.execute(f"ALTER TABLE {table} RESET ({', '.join(OFTEN_ENOUGH)})")


class Migration(migrations.Migration):
    """Triggers on the tables of attempts, notes, seals, requests and emails with links, and how
    often PostgreSQL cleans up the growing tables."""

    dependencies = (("unsub", "0001_initial"),)
    operations = (
        migrations.RunPython(create, drop, elidable=False),
        migrations.RunPython(vacuum_often, vacuum_as_usual, elidable=False),
    )
