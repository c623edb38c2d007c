"""manage.py migrate on PostgreSQL: its time-outs, its lock, and a table in use."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.models.signals import pre_migrate

from unsub.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)


class Said(io.StringIO):
    """Stream for a command's warnings, which calls a function with each write."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def write(self, text: str) -> int:
        """Store the text."""
        self._then()
        return super().write(text)


@contextmanager
def during_migrate(work: Callable[[], object]) -> Iterator[None]:
    """Run a function where migrations run."""

    def run(sender: Any, **_: Any) -> None:
        if sender.name == "unsub":
            work()

    pre_migrate.connect(run)
    try:
        yield
    finally:
        pre_migrate.disconnect(run)


def show(name: str) -> str:
    """Return a setting of the session."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_a_migration_has_no_statement_timeout() -> None:
    before = show("statement_timeout"), show("lock_timeout")
    assert before == ("15s", "5s")
    seen: list[tuple[str, str]] = []
    with during_migrate(lambda: seen.append((show("statement_timeout"), show("lock_timeout")))):
        call_command("migrate", verbosity=0)
    assert seen == [("0", "5s")]
    assert (show("statement_timeout"), show("lock_timeout")) == before


def test_a_statement_of_a_migration_may_exceed_the_timeout_of_the_pages() -> None:
    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.4)")

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '100ms'")
    with during_migrate(work):
        call_command("migrate", verbosity=0)
    with pytest.raises(OperationalError, match="statement timeout"):
        connection.cursor().execute("SET statement_timeout = '100ms'; SELECT pg_sleep(0.4)")
    connection.cursor().execute("RESET statement_timeout")


def test_a_second_migration_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "POLL_SECONDS", 0.05)
    first = connection.copy()
    first.cursor().execute("SELECT pg_advisory_lock(%s)", [migrate.ADVISORY_LOCK])
    order: list[str] = []

    def end_the_first() -> None:
        order.append("waits")
        first.close()

    warnings = Said(end_the_first)
    with during_migrate(lambda: order.append("migrates")):
        call_command("migrate", verbosity=0, stderr=warnings)
    assert order == ["waits", "migrates"]
    assert "another migration is running" in warnings.getvalue()


@pytest.fixture
def table_in_use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection that holds a table's lock, as a page does; migrations wait 100 ms for it."""
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.0)
    page = connection.copy()
    page.set_autocommit(False)
    page.cursor().execute("LOCK TABLE unsub_alarm IN ACCESS SHARE MODE")
    yield page
    page.close()


def lock_table() -> None:
    """Take the lock that a migration takes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE unsub_alarm IN ACCESS EXCLUSIVE MODE")


def test_a_locked_table_is_tried_again(table_in_use: Any) -> None:
    warnings = Said(table_in_use.rollback)
    with during_migrate(lock_table):
        call_command("migrate", verbosity=0, stderr=warnings)
    assert warnings.getvalue().count("a table is in use") == 1


def test_a_table_that_stays_locked_fails_the_migration(table_in_use: Any) -> None:
    warnings = io.StringIO()
    with during_migrate(lock_table), pytest.raises(OperationalError, match="lock timeout"):
        call_command("migrate", verbosity=0, stderr=warnings)
    assert warnings.getvalue().count("a table is in use") == migrate.TRIES - 1
