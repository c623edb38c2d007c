"""manage.py migrate: Django's, one process at a time, without the time-outs of a page.

Afterwards the first business unit is made, where there is none.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from unsub.units.opening import make_first_unit

# Of PostgreSQL's advisory locks, which are those of one database: any number that stays the same.
ADVISORY_LOCK = 7_029_371_846_201
POLL_SECONDS = 1.0
# A statement that waits for a table's lock makes everything behind it wait, the pages too. So it
# gives up soon, lets the others through, and is tried again.
LOCK_TIMEOUT = "5s"
TRIES, PAUSE_SECONDS = 6, 10.0
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"


class Command(migrate.Command):
    """Migrates under a lock, with time-outs of its own, and makes the first business unit."""

    # Programs that call the command, such as a test runner, expect tables and no row in them.
    _by_operator = False

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as manage.py does."""
        self._by_operator = True
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; raises what Django's command raises, and OperationalError where a table was in
        use at every try."""
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]
        with _alone(connection, self._say_it_waits), _patient(connection):
            self._migrate(*args, **options)
            if self._is_whole(options):
                self._make_first_unit()

    def _migrate(self, *args: Any, **options: Any) -> None:
        """Migrate, and again where a lock was not to be had: what is applied is not applied again,
        and what failed was rolled back. A migration with `atomic = False` has to be written so that
        it can begin anew."""
        for left in reversed(range(TRIES)):
            try:
                super().handle(*args, **options)
            except OperationalError as err:
                if not left or not _is_lock_trouble(err):
                    raise
                self.stderr.write(f"a table is in use; retrying in {PAUSE_SECONDS:g} seconds")
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def _say_it_waits(self) -> None:
        self.stderr.write("another migration is running; waiting for it to end")

    def _is_whole(self, options: dict[str, Any]) -> bool:
        """Return whether an operator migrated everything."""
        whole = not options["app_label"] and options["database"] == DEFAULT_DB_ALIAS
        return whole and self._by_operator

    def _make_first_unit(self) -> None:
        unit = make_first_unit()
        if unit and self.verbosity:
            self.stdout.write(
                f"Created business unit {unit.mid} (SFMC_ACCOUNT_ID). Give it the brand's name: "
                f'manage.py add_unit --mid {unit.mid} --name "Example Outfitters"'
            )


@contextmanager
def _alone(connection: BaseDatabaseWrapper, say_it_waits: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of migrations on a connection of its own, which the server or the operating
    system frees with the process, however it ends."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "postgresql":
        with _advisory_lock(connection, say_it_waits):
            yield
    elif connection.vendor == "sqlite" and not name.startswith((":memory:", "file:")):
        with _file_lock(Path(name)):
            yield
    else:
        yield


@contextmanager
def _advisory_lock(
    connection: BaseDatabaseWrapper, say_it_waits: Callable[[], None]
) -> Iterator[None]:
    """Hold an advisory lock of the session. Asked for again and again: a statement that waits for
    it would hold a snapshot, for whose end CREATE INDEX CONCURRENTLY in the other would wait."""
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            waits = False
            while not _try_lock(cursor):
                if not waits:
                    say_it_waits()
                waits = True
                time.sleep(POLL_SECONDS)
        yield
    finally:
        own.close()


def _try_lock(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
    return bool(cursor.fetchone()[0])


@contextmanager
def _file_lock(database: Path) -> Iterator[None]:
    """Hold the lock of a file beside a SQLite database. The file is a SQLite database, too: its
    locks are there wherever SQLite is. It is left behind, for others may be waiting for it."""
    path = database.with_name(f"{database.name}.migrate")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=3600)) as own:
        own.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _patient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let statements of the connection take as long as they need, and wait a short time for locks,
    whatever settings.py says for pages and workers."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    try:
        yield
    finally:
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("RESET statement_timeout")
                cursor.execute("RESET lock_timeout")


def _is_lock_trouble(err: OperationalError) -> bool:
    """Return whether a statement gave up waiting for a lock, or for others who waited for it."""
    return getattr(err.__cause__, "sqlstate", None) in {_LOCK_NOT_AVAILABLE, _DEADLOCK}
