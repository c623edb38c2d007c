"""manage.py migrate: Django's command under a lock, without the time-outs of the pages.

Afterwards it creates the first business unit, if there is none, and gives the role of the running
processes its rights, where they have one of their own.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from unsub.management import roles
from unsub.units.opening import make_first_unit

# Key of a PostgreSQL advisory lock (their scope is one database): any constant.
ADVISORY_LOCK = 7_029_371_846_201
POLL_SECONDS = 1.0
# A statement that waits for a table's lock blocks all later statements on it, those of the pages,
# too. So it times out soon, lets them through, and is tried again.
LOCK_TIMEOUT = "5s"
TRIES, PAUSE_SECONDS = 6, 10.0
BEHIND_POOLER = (
    "migrate needs a session of the server for its lock and its time-outs, and a connection pooler "
    "has none to give. Run it with DATABASE_POOLER=false and the server's own address in "
    "DATABASE_URL."
)
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"


class Command(migrate.Command):
    """Migrates under a lock, with its own time-outs, and creates the first business unit."""

    # False for callers such as a test runner, which expect tables without rows.
    _by_operator = False

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line."""
        self._by_operator = True
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Raises what Django's command raises, OperationalError where a table was locked
        at every try, and CommandError behind a connection pooler."""
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]
        if connection.settings_dict.get("POOLER"):
            raise CommandError(BEHIND_POOLER)
        with _alone(connection, self._say_it_waits), _patient(connection):
            self._migrate(*args, **options)
            if self._is_whole(options):
                self._make_first_unit()
                self._give_rights()

    def _migrate(self, *args: Any, **options: Any) -> None:
        """Migrate, with retries after a lock time-out.

        Applied migrations are not repeated, and the failed one was rolled back. A migration with
        `atomic = False` has to be written so that it can be repeated.
        """
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
        """Return whether an operator ran all migrations."""
        whole = not options["app_label"] and options["database"] == DEFAULT_DB_ALIAS
        return whole and self._by_operator

    def _make_first_unit(self) -> None:
        unit = make_first_unit()
        if unit and self.verbosity:
            self.stdout.write(
                f"Created business unit {unit.mid} (SFMC_ACCOUNT_ID). Give it the brand's name: "
                f'manage.py add_unit --mid {unit.mid} --name "Example Outfitters"'
            )

    def _give_rights(self) -> None:
        """Give the role of RUN_DATABASE_URL its rights. Raises CommandError."""
        run = roles.run_role(settings.RUN_DATABASE)
        if run is None:
            return
        try:
            roles.apply(*run)
        except roles.RoleError as err:
            raise CommandError(str(err)) from None
        if self.verbosity:
            self.stdout.write(f"{run[0]} has the rights of web and worker, and no others.")


@contextmanager
def _alone(connection: BaseDatabaseWrapper, say_it_waits: Callable[[], None]) -> Iterator[None]:
    """Hold the migration lock on a connection of its own. The server or the operating system frees
    it when the process ends, for whatever reason."""
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
    """Hold a session-level advisory lock.

    Polls for it: a statement that waits for it would hold a snapshot, and CREATE INDEX CONCURRENTLY
    in the other migration would wait for the end of that.
    """
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
    """Hold a lock on a file beside a SQLite database.

    The file is a SQLite database itself, because its locks work on every platform that SQLite
    supports. It is not deleted, because other processes may be waiting for it.
    """
    path = database.with_name(f"{database.name}.migrate")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=3600)) as own:
        own.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _patient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Disable the statement time-out of the connection and set a short lock time-out, whatever
    settings.py sets for pages and workers."""
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
    """Return whether a statement failed by a lock time-out or a deadlock."""
    return getattr(err.__cause__, "sqlstate", None) in {_LOCK_NOT_AVAILABLE, _DEADLOCK}
