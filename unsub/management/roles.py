"""The rights of the database role that web, worker and commands use, apart from the owner of the
tables, which migrates (docs/adr/0028)."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection, transaction
from psycopg import sql

# Never TRUNCATE, REFERENCES or TRIGGER.
EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
# What is evidence is not deleted, and what never changes cannot be changed.
LIMITED = {
    "unsub_subscriberrequest": "SELECT, INSERT, UPDATE",
    "unsub_linkemail": "SELECT, INSERT, UPDATE",
    "unsub_deliveryattempt": "SELECT, INSERT, UPDATE",
    "unsub_erasure": "SELECT, INSERT, UPDATE",
    # Who asked is emptied with the subscriber's data.
    "unsub_requestorigin": "SELECT, INSERT, UPDATE (asked_by)",
    # The user of a note goes with their account.
    "unsub_resolutionnote": "SELECT, INSERT, UPDATE (user_id)",
    "unsub_auditseal": "SELECT, INSERT",
    "unsub_consenttext": "SELECT, INSERT",
    "unsub_webhookattempt": "SELECT, INSERT, DELETE",
    "django_admin_log": "SELECT, INSERT",
    # Only migrations write these.
    "django_migrations": "SELECT",
    "django_content_type": "SELECT",
    "auth_permission": "SELECT",
}


class RoleError(Exception):
    """The role cannot be given its rights; the message says why."""


def statements(role: str) -> list[str]:
    """Return the SQL that gives a role the rights that the application needs, and takes all others.
    For the owner of the tables; to be repeated after each migration. Raises RoleError."""
    if connection.vendor != "postgresql":
        raise RoleError("Roles need PostgreSQL.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_schema()")
        owner, schema = cursor.fetchone()
        if role == owner:
            raise RoleError(f"{role} owns the tables: web and worker need another role.")
        tables = connection.introspection.table_names(cursor)
        found = _statements(sql.Identifier(role), sql.Identifier(schema), sorted(tables))
        return [one.as_string(cursor.connection) for one in found]


def apply(role: str, password: str) -> None:
    """Create the role where it does not exist, set its password where we may, and give it its
    rights. One transaction. Raises RoleError."""
    found = statements(role)
    with transaction.atomic(), connection.cursor() as cursor:
        _create(cursor, role, password)
        for statement in found:
            cursor.execute(statement)


def _statements(
    role: sql.Identifier, schema: sql.Identifier, tables: list[str]
) -> Iterator[sql.Composed]:
    for kind in ("TABLES", "SEQUENCES"):
        yield sql.SQL("REVOKE ALL ON ALL {} IN SCHEMA {} FROM {}").format(
            sql.SQL(kind), schema, role
        )
    yield sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}").format(schema, role)
    yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role)
    for table in tables:
        rights = LIMITED.get(table, EVERYTHING)
        yield sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), sql.Identifier(table), role)


def _create(cursor: Any, role: str, password: str) -> None:
    """Create the role, or set its password as a superuser may. The server gets a verifier and not
    the password, so that its log cannot contain it."""
    cursor.execute(
        "SELECT rolsuper, rolcreaterole, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"
        " FROM pg_roles WHERE rolname = current_user",
        [role],
    )
    is_superuser, may_create, exists = cursor.fetchone()
    if exists and not is_superuser:
        return
    if not (is_superuser or may_create):
        raise RoleError(f"Create the role {role} first: CREATE ROLE {role} LOGIN PASSWORD ...")
    server = cursor.connection.pgconn
    verifier = server.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    cursor.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
        .format(
            sql.SQL("ALTER" if exists else "CREATE"), sql.Identifier(role),
            sql.Literal(verifier.decode()),
        )
        .as_string(cursor.connection)
    )  # fmt: skip


def run_role(database: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return user and password of RUN_DATABASE_URL, or None where it is not set, or is the user
    that migrates."""
    user = str(database.get("USER") or "")
    if not user or user == connection.settings_dict["USER"]:
        return None
    return user, str(database.get("PASSWORD") or "")
