"""A database that is full or read-only: requests are kept, the tasks survive, and everything goes
on in the same process when it takes writes again."""

import pytest
from django.db import IntegrityError, close_old_connections, connection
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import link
from tests.plugins.cast import WithoutWrites
from unsub import tasks
from unsub.infra import database_timeout, heartbeat
from unsub.infra.redis_client import quick_client
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import spool

pytestmark = pytest.mark.django_db(transaction=True)
# A full SQLite still finds room for a few rows on its last pages.
MANY = 40


def one_clicks(client: Client, settings: Settings, first: int) -> set[int]:
    """Post one-clicks of many subscribers. Return the statuses."""
    statuses = set()
    for number in range(MANY):
        database_timeout.reset()
        statuses.add(client.post(link(settings, first + number)).status_code)
        close_old_connections()
    return statuses


def run_tasks() -> None:
    """Run the tasks that beat starts all the time, as a worker does."""
    for task in (
        tasks.sweep, tasks.record, tasks.watch, tasks.refresh_daily_counts, tasks.end_pauses,
        tasks.apply_retention,
    ):  # fmt: skip
        task()
        close_old_connections()


def test_requests_are_kept_and_the_tasks_survive_until_there_are_writes_again(
    client: Client,
    unit: BusinessUnit,
    settings: Settings,
    database_without_writes: WithoutWrites,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert one_clicks(client, settings, 2000) == {200}
    kept = SubscriberRequest.objects.count()
    assert kept < MANY
    run_tasks()
    assert "task_stopped_by_database" in caplog.text
    assert not spool.is_empty()
    assert SubscriberRequest.objects.count() == kept
    database_without_writes.end()
    assert heartbeat.ages(quick_client())
    run_tasks()
    assert spool.is_empty()
    assert SubscriberRequest.objects.count() == MANY
    ages = heartbeat.ages(quick_client())
    assert None not in (ages["sweep"], ages["watch"])
    assert one_clicks(client, settings, 3000) == {200}
    assert SubscriberRequest.objects.count() == 2 * MANY


def test_a_mistake_of_ours_is_not_taken_for_an_outage(db: None) -> None:
    @tasks.stops_without_database
    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO unsub_writeprobe (filler) VALUES (NULL)")

    with pytest.raises(IntegrityError):
        write()


def test_a_task_ignores_the_arguments_of_a_later_version() -> None:
    seen = []

    @tasks.stops_without_database
    def note(mid: int, key: str = "") -> None:
        seen.append((mid, key))

    later: dict[str, str] = {"key": "known", "of_tomorrow": "x"}
    note(510001, **later)
    assert seen == [(510001, "known")]
