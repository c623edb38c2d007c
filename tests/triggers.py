"""Switches the triggers off that keep evidence, and what was asked, as they are."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def suspended_triggers() -> Iterator[None]:
    """Run the block without triggers: PostgreSQL can switch them off, SQLite has to drop them."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            try:
                yield
            finally:
                cursor.execute("SET session_replication_role = DEFAULT")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        try:
            yield
        finally:
            for _, create in triggers:
                cursor.execute(create)
