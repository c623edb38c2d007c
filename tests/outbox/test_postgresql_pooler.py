"""The whole way of a request through a real PgBouncer in transaction mode."""

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import (
    OperationalError,
    close_old_connections,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.delivery.helpers import due_now
from tests.helpers import PARENT, MakeSubmission, link, rewrite
from tests.pooler import PgBouncer
from tests.web.helpers import deliver
from unsub import tasks
from unsub.delivery import claim
from unsub.infra.database_timeout import limit_queries
from unsub.models import BusinessUnit, Status, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import spool
from unsub.sandbox import Sandbox

END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def pooler(django_db_setup: None) -> Iterator[PgBouncer]:
    """A pooler with two sessions of the server."""
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    bouncer = PgBouncer(f"{server}/{connection.settings_dict['NAME']}")
    bouncer.start()
    yield bouncer
    bouncer.close()


@pytest.fixture
def pooled(db: None, pooler: PgBouncer) -> Iterator[PgBouncer]:
    """Let every connection of the test go through the pooler, as DATABASE_POOLER=true does."""
    settings = connection.settings_dict
    before = dict(settings)
    connection.close()
    settings.update({"PORT": pooler.port, "POOLER": True, "DISABLE_SERVER_SIDE_CURSORS": True})
    yield pooler
    connection.close()
    settings.update(before)
    for name in settings.keys() - before.keys():
        del settings[name]


def show(name: str) -> str:
    """Return a setting of the session."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@pytest.mark.usefixtures("pooled")
def test_a_request_goes_its_whole_way(
    client: Client, admin_client: Client, unit: BusinessUnit, settings: Settings, sandbox: Sandbox
) -> None:
    for subscriber in (1001, 1002, 1003):
        assert client.post(link(settings, subscriber)).status_code == 200
    # One whose worker was killed.
    settings.SFMC_BATCH_SIZE = 1
    assert claim.claim(PARENT)
    deliver()
    lost = SubscriberRequest.objects.filter(status=Status.SENDING)
    assert (SubscriberRequest.objects.filter(status=Status.DONE).count(), len(lost)) == (2, 1)
    rewrite(lost, lease_until=Now() - timedelta(seconds=1))
    tasks.sweep()
    due_now()
    deliver()
    assert SubscriberRequest.objects.filter(status=Status.DONE).count() == 3
    page = admin_client.get("/admin/unsub/subscriberrequest/").content.decode()
    assert page.count('name="_selected_action"') == 3
    file = io.StringIO()
    call_command("export_audit", "--format", "jsonl", stdout=file)
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    assert {row["status"] for row in rows} == {"done"}


@pytest.mark.usefixtures("pooled")
def test_many_connections_at_once_share_the_sessions_of_the_server(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    paths = [link(settings, subscriber) for subscriber in range(1001, 1021)] * 2

    def post(path: str) -> int:
        try:
            return Client().post(path).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, paths)) == {200}
    assert SubscriberRequest.objects.count() == 20


@pytest.mark.usefixtures("pooled")
def test_time_outs_belong_to_the_transaction_alone() -> None:
    assert show("statement_timeout") == "0"
    with transaction.atomic():
        assert (show("statement_timeout"), show("lock_timeout")) == ("15s", "5s")
    assert (show("statement_timeout"), show("lock_timeout")) == ("0", "0")


@pytest.mark.usefixtures("pooled")
def test_rows_are_read_in_chunks_without_a_cursor_of_the_server(
    make_submission: MakeSubmission, unit: BusinessUnit
) -> None:
    for subscriber in (1001, 1002, 1003):
        outbox.submit(make_submission(subscriber))
    rows = SubscriberRequest.objects.order_by("pk").iterator(1)
    first = next(rows)
    # Another transaction in between gets the session of the first.
    other = connection.copy()
    for _ in range(4):
        other.cursor().execute("SELECT 1")
    other.close()
    assert [first, *rows] == list(SubscriberRequest.objects.order_by("pk"))


@pytest.mark.usefixtures("pooled")
def test_a_check_tells_that_single_statements_have_no_time_out() -> None:
    def found() -> set[str | None]:
        return {one.id for one in run_checks(databases=["default"], include_deployment_checks=True)}

    assert "unsub.W020" in found()
    with transaction.atomic():  # which sets it, as a role's own setting does
        assert "unsub.W020" not in found()


@pytest.mark.usefixtures("pooled")
def test_migrate_asks_for_a_session_of_the_server() -> None:
    with pytest.raises(CommandError, match="DATABASE_POOLER=false"):
        call_command("migrate", verbosity=0)
    call_command("migrate", "--check", verbosity=0)


@pytest.mark.usefixtures("pooled")
def test_a_pooler_that_was_not_announced_is_named_with_the_setting() -> None:
    connection.settings_dict["POOLER"] = False
    with pytest.raises(OperationalError, match="DATABASE_POOLER=true"):
        connection.ensure_connection()


def test_options_of_the_address_are_added_to_ours(django_db_setup: None) -> None:
    other = connection.copy()
    other.settings_dict["OPTIONS"] = connection.settings_dict["OPTIONS"] | {
        "options": "-c work_mem=9MB -c lock_timeout=7s"
    }
    with other.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('work_mem'), current_setting('lock_timeout'),"
            " current_setting('statement_timeout')"
        )
        assert cursor.fetchone() == ("9MB", "7s", "15s")
    other.close()


@pytest.fixture
def read_only(pooled: PgBouncer) -> Iterator[None]:
    """Let both sessions of the pooler have begun while the database was read-only, which it no
    longer is."""
    database = connection.settings_dict["NAME"]
    with closing(direct()) as server:
        cursor = server.cursor()
        cursor.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
        others = []
        try:
            end_sessions(cursor)
            others = [in_transaction() for _ in range(2)]
        finally:
            # Whatever fails, the database serves other tests, too.
            cursor.execute(f'ALTER DATABASE "{database}" RESET default_transaction_read_only')
            for other in others:
                other.rollback()
                other.close()
            if len(others) < 2:
                end_sessions(cursor)
        yield
        connection.close()
        end_sessions(cursor)
        # The next test finds sessions that live.
        for other in [in_transaction() for _ in range(2)]:
            other.rollback()
            other.close()


def end_sessions(cursor: Any) -> None:
    """End all other sessions of the database, and wait until they have ended."""
    deadline = time.monotonic() + 30
    while True:
        cursor.execute(END_SESSIONS)
        if not cursor.fetchall():
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def in_transaction() -> BaseDatabaseWrapper:
    """Return a connection in a transaction. The pooler may not have noticed yet that the server has
    ended its sessions: then it refuses one client for each."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        other = connection.copy()
        try:
            other.set_autocommit(False)
            other.cursor().execute("SELECT 1")
        except OperationalError:
            other.close()
            time.sleep(0.1)
        else:
            return other
    raise AssertionError("the pooler lets nobody in")


def direct() -> BaseDatabaseWrapper:
    """Return a connection without the pooler."""
    other = connection.copy()
    port = int(os.environ["DATABASE_URL"].rpartition("/")[0].rpartition(":")[2])
    other.settings_dict = other.settings_dict | {"PORT": port, "POOLER": False}
    return other


@pytest.mark.usefixtures("unit", "read_only")
def test_requests_replace_sessions_of_the_pooler_that_stay_read_only(
    client: Client, settings: Settings
) -> None:
    for subscriber in (1001, 1002, 1003):
        assert client.post(link(settings, subscriber)).status_code == 200
        close_old_connections()  # as at the end of a request
    assert SubscriberRequest.objects.get().subscriber_id == 1003


@pytest.mark.usefixtures("unit", "read_only")
def test_tasks_replace_sessions_of_the_pooler_that_stay_read_only(
    make_submission: MakeSubmission,
) -> None:
    spool.push(make_submission(1001))
    for _ in range(3):
        tasks.record()
        connection.close()  # as at the end of a task
    assert SubscriberRequest.objects.get().subscriber_id == 1001


@pytest.mark.usefixtures("pooled")
def test_a_statement_without_a_reply_in_time_ends_its_connection() -> None:
    # Else the time-out would be one for connecting, too.
    connection.ensure_connection()
    with limit_queries(0.5), pytest.raises(OperationalError, match="does not answer"):
        connection.cursor().execute("SELECT pg_sleep(60)")
    assert connection.connection.closed


@pytest.mark.usefixtures("pooled")
def test_whether_a_connection_can_be_used_is_not_waited_for_for_ever(pooler: PgBouncer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    pooler.signal(signal.SIGSTOP)
    try:
        assert not connection.is_usable()
    finally:
        pooler.signal(signal.SIGCONT)
