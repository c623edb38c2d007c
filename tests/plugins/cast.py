"""Fixtures of the app's tests: two business units, signed links, and a sandbox to call."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import close_old_connections, connection, connections
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, MakeSubmission, context, sign_in
from unsub.delivery import worker
from unsub.gateway import calls as gateway
from unsub.infra import database_timeout, kept, write_probe
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, Channel
from unsub.outbox.submission import Submission
from unsub.preferences import snapshot
from unsub.sandbox import Sandbox
from unsub.webhooks import recording

_WITH_QUERY_SECONDS = (
    "profilecenter.postgresql.base", "unsub.alerting.second_look", "unsub.infra.database_timeout",
    "unsub.infra.write_probe",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test see which lists are All Subscribers in another. That there are no webhooks is
    known, as to a process that runs for a while; the first one that is saved is seen."""
    kept.forget_all()
    monkeypatch.setattr(recording._kept, "_seconds", math.inf)
    recording._kept(None, tuple)


@pytest.fixture
def unit(db: None) -> BusinessUnit:
    """The parent unit, Example Outfitters."""
    return BusinessUnit.objects.create(mid=PARENT, name="Example Outfitters")


@pytest.fixture
def child(db: None) -> BusinessUnit:
    """The child unit, Example Kids."""
    return BusinessUnit.objects.create(mid=CHILD, name="Example Kids")


@pytest.fixture
def make_submission(settings: Settings) -> MakeSubmission:
    """Return a function that makes a submission with the valid token of its context."""

    def make(subscriber: int = 1001, **changes: object) -> Submission:
        fields = {
            name: changes.pop(name)
            for name in ("channel", "reason", "words", "language", "received_at")
            if name in changes
        }
        link = context(subscriber, **changes)  # type: ignore[arg-type]
        token = sign_link(link, keys=settings.LINK_KEYRING)
        return Submission(token=token, context=link, **{"channel": Channel.ONE_CLICK} | fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def admin_client(admin_user: User) -> Client:
    """A superuser who has signed in with a second factor, as a deployment requires."""
    client = Client()
    sign_in(client, admin_user)
    return client


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    """A sandbox of the test's own, set as Marketing Cloud in the settings."""
    caches["shared"].clear()
    with Sandbox() as running:
        settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = running.url
        settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "sandbox"
        settings.SFMC_ACCOUNT_ID = PARENT
        settings.SFMC_TIMEOUT = 10.0
        gateway.client.cache_clear()
        yield running
    gateway.client.cache_clear()
    caches["shared"].clear()


PATIENCE = 60.0  # seconds


@pytest.fixture(autouse=True)
def time_for_marketing_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the profile centre wait for its data, and a worker deliver all that is due: a busy
    machine must not look like an outage, nor a short queue like a backlog."""
    monkeypatch.setattr(snapshot, "TIMEOUT", PATIENCE)
    monkeypatch.setattr(worker, "DRAIN_SECONDS", PATIENCE)


@pytest.fixture(scope="session", autouse=True)
def time_for_redis() -> Iterator[None]:
    """Let every client of this process wait for the Redis of the test run.

    A visitor waits 0.2 seconds. On a busy machine a reply takes longer now and then, and then a
    wake-up, a count or a heartbeat is left out. Servers of a test's own have the product's limits.
    """
    port = urlsplit(django_settings.REDIS_URL).port
    make = redis.ConnectionPool.make_connection

    def make_connection(self: redis.ConnectionPool) -> Any:
        connection: Any = make(self)
        if getattr(connection, "port", None) == port:
            connection.socket_timeout = connection.socket_connect_timeout = PATIENCE
        return connection

    patch = pytest.MonkeyPatch()
    patch.setattr(redis.ConnectionPool, "make_connection", make_connection)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def time_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages wait for the database: a busy machine must not look like an outage."""
    for module in _WITH_QUERY_SECONDS:
        monkeypatch.setattr(f"{module}.QUERY_SECONDS", PATIENCE)


@contextmanager
def away() -> Iterator[None]:
    """Make the database unreachable in the block: a folder that does not exist, or a port without a
    listener; for so long that pages keep nothing of it."""
    kept.forget_all()
    options = connection.settings_dict
    before = dict(options)
    connection.close()
    options.update(
        {"NAME": "/nowhere/db.sqlite3"} if connection.vendor == "sqlite" else {"PORT": 1}
    )
    try:
        yield
    finally:
        connection.close()
        options.update(before)
        database_timeout.reset()


@pytest.fixture
def database_away(db: None) -> Iterator[None]:
    """Make the database unreachable."""
    with away():
        yield


class WithoutWrites:
    """A database that answers and takes no writes: SQLite that is full, PostgreSQL that is
    read-only."""

    def __init__(self) -> None:
        if connection.vendor == "sqlite":
            self._fill()
        else:
            self._alter("SET default_transaction_read_only = on")
            connection.close()  # it applies to new sessions
        write_probe.forget()

    def end(self) -> None:
        """Let it take writes again; the session stays as it is. Safe to call twice."""
        if connection.vendor == "sqlite":
            self._limit(1_073_741_823)
        else:
            self._alter("RESET default_transaction_read_only")
        # As Django does it between two requests and between two tasks, a second after it last asked
        # whether the session is usable.
        vars(connections["default"])["_checked_until"] = 0.0
        close_old_connections()
        database_timeout.reset()
        write_probe.forget()

    def _fill(self) -> None:
        """Use up the free pages, and allow no more."""
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA page_count")
            (pages,) = cursor.fetchone()
        self._limit(pages)

    def _limit(self, pages: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    def _alter(self, what: str) -> None:
        """Change the database's settings, by a connection that is not read-only."""
        options: Any = connection.get_connection_params()
        address = {name: options[name] for name in ("host", "port", "user", "password", "dbname")}
        with psycopg.connect(
            **address, autocommit=True, options="-c default_transaction_read_only=off"
        ) as server:
            server.execute(f'ALTER DATABASE "{options["dbname"]}" {what}'.encode())


@pytest.fixture
def database_without_writes(transactional_db: None) -> Iterator[WithoutWrites]:
    """Let the database answer and take no writes, until the test or `end` does."""
    database = WithoutWrites()
    yield database
    database.end()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests of PostgreSQL's locks to runs on PostgreSQL: SQLite has one writer at a time."""
    on_postgresql = str(config.getoption("database", "")).startswith("postgres")
    return (
        True if collection_path.name.startswith("test_postgresql_") and not on_postgresql else None
    )
