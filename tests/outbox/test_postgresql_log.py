"""Normal operation writes no personal data and no error to PostgreSQL's own log: the server logs
each failed statement with the values in it."""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, context, link, settle
from unsub.admin.page_texts import TextsForm
from unsub.alerting import detection
from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.gateway import stored_lists
from unsub.models import (
    Alarm,
    BusinessUnit,
    CatalogueState,
    Channel,
    ConsentText,
    Erasure,
    Kind,
    LinkEmail,
    LostLink,
    MailingList,
    PageText,
    Pause,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import event_import
from unsub.outbox.submission import Change, Submission
from unsub.reporting import daily_counts, weekly_digest
from unsub.sandbox import Sandbox
from unsub.sfmc import MailList
from unsub.units import opening

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS, KEY, WORDS = "planted.address@example.com", "planted-key-7431", "planted-words"
WHO = SubscriberContext(subscriber_key=KEY, email_address=ADDRESS)
AT_ONCE = 8
_NEW_ENTRY = re.compile(r"\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] (\S*) ")


class ServerLog:
    """What the private server has logged about this test's database since the test began."""

    def __init__(self) -> None:
        self._file = Path(os.environ["POSTGRES_LOG"])
        self._start = self._file.stat().st_size

    def read(self) -> str:
        """Return the entries; one of several lines is one entry."""
        with self._file.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._start)
            lines = file.read().splitlines()
        kept, ours = [], False
        for line in lines:
            if entry := _NEW_ENTRY.match(line):
                ours = entry[1] == connection.settings_dict["NAME"]
            if ours:
                kept.append(line)
        return "\n".join(kept)


@pytest.fixture
def server_log() -> ServerLog:
    """The log from now on, of a server with PostgreSQL's default log settings."""
    with connection.cursor() as cursor:
        for name, default in (("log_statement", "none"), ("log_min_error_statement", "error")):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (default,)
    return ServerLog()


@pytest.fixture
def busy_unit(unit: BusinessUnit) -> BusinessUnit:
    """A unit with every feature switched on."""
    unit.confirm_key, unit.pause_offered, unit.pause_end_action = "confirm", True, "put_back"
    unit.weekly_digest = unit.import_events = unit.lost_link_form = True
    unit.save()
    return unit


def in_threads(work: Callable[[], Any]) -> list[Any]:
    """Run the work in several threads that start at the same moment; return their results."""
    meet = Barrier(AT_ONCE, timeout=60)

    def run(_: int) -> Any:
        try:
            connection.ensure_connection()
            meet.wait()
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def in_threads_and_twice_more(work: Callable[[], Any]) -> None:
    """Do something for the first time in several threads at once, and then twice more."""
    in_threads(work)
    work()
    work()


def ask(link_context: UnsubContext, **fields: Any) -> Submission:
    """Return a request of the subscriber whose data the tests look for."""
    submission = Submission(token="", context=link_context, channel=Channel.PROFILE, language="en")
    return replace(submission, **fields)


def test_a_failed_statement_is_logged_with_its_values(
    unit: BusinessUnit, server_log: ServerLog
) -> None:
    """Proves that the other tests would see a failed statement."""
    asked = {"unit": unit, "subscriber_digest": "p", "email_address": ADDRESS}
    Erasure.objects.create(**asked)
    with pytest.raises(IntegrityError):
        Erasure.objects.create(**asked)
    assert "ERROR:  duplicate key" in server_log.read()
    assert ADDRESS in server_log.read()


def test_with_the_documented_settings_a_failure_logs_no_personal_data(
    unit: BusinessUnit, server_log: ServerLog
) -> None:
    asked = {"unit": unit, "subscriber_digest": "p", "email_address": ADDRESS}
    Erasure.objects.create(**asked)
    connection.cursor().execute(
        "SET log_min_error_statement = panic; SET log_error_verbosity = terse"
    )
    with pytest.raises(IntegrityError):
        Erasure.objects.create(**asked)
    connection.cursor().execute("RESET log_min_error_statement; RESET log_error_verbosity")
    written = server_log.read()
    assert "duplicate key" in written
    assert not any(part in written for part in (ADDRESS, "DETAIL", "STATEMENT"))


def assert_quiet(server_log: ServerLog) -> None:
    """Fail if the server has logged anything."""
    written = server_log.read()
    for planted in (ADDRESS, KEY, WORDS, "duplicate key", "ERROR"):
        assert planted not in written, written


def test_a_repeated_one_click_logs_nothing(
    busy_unit: BusinessUnit, settings: Settings, server_log: ServerLog
) -> None:
    path = link(settings, WHO)
    body = {"List-Unsubscribe": "One-Click"}
    in_threads_and_twice_more(lambda: Client().post(path, body))
    assert SubscriberRequest.objects.count() == 1
    assert_quiet(server_log)


@pytest.mark.parametrize(
    ("fields", "emails", "more"),
    [
        ({"pause_days": 30}, 0, Pause),
        # With its confirmation email.
        ({"change": Change(kind=Kind.SUBSCRIBE, consent_text=WORDS)}, 1, ConsentText),
        ({"change": Change(kind=Kind.ATTRIBUTE, name="City", value=WORDS)}, 0, None),
        ({"change": Change(kind=Kind.ADDRESS, value=ADDRESS, needs_confirmation=True)}, 1, None),
    ],
)
def test_a_repeated_change_logs_nothing(
    busy_unit: BusinessUnit,
    server_log: ServerLog,
    fields: dict[str, Any],
    emails: int,
    more: type[Pause | ConsentText] | None,
) -> None:
    submission = ask(context(WHO), **fields)
    in_threads_and_twice_more(lambda: outbox.submit(submission))
    assert (SubscriberRequest.objects.count(), LinkEmail.objects.count()) == (1, emails)
    assert more is None or more._default_manager.count() == 1
    assert_quiet(server_log)


def test_a_request_repeated_after_a_day_logs_nothing(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    submission = ask(context(WHO))
    outbox.submit(replace(submission, received_at=datetime(2026, 1, 1, tzinfo=UTC)))
    settle(SubscriberRequest.objects.all(), Status.DONE)
    in_threads_and_twice_more(lambda: outbox.submit(submission))
    assert SubscriberRequest.objects.count() == 2
    assert_quiet(server_log)


def test_repeated_requests_for_erasure_and_a_lost_link_log_nothing(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    in_threads_and_twice_more(lambda: outbox.request_erasure(context(WHO), language="en"))
    assert Erasure.objects.count() == 1

    def ask_for_link() -> None:
        outbox.report_lost_link(mid=PARENT, address=ADDRESS, client="192.0.2.1", language="en")

    ask_for_link()
    in_threads_and_twice_more(ask_for_link)
    assert LostLink.objects.count() == 1
    assert_quiet(server_log)


def test_an_open_alarm_that_is_evaluated_repeatedly_logs_nothing(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    outbox.submit(ask(context(WHO)))
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    in_threads_and_twice_more(detection.evaluate)
    assert Alarm.objects.count() == 1
    assert_quiet(server_log)


def test_background_updates_log_nothing(
    busy_unit: BusinessUnit, settings: Settings, server_log: ServerLog
) -> None:
    settings.SFMC_ACCOUNT_ID = 510009
    outbox.submit(ask(context(WHO)))
    monday = datetime(2026, 6, 1, 12, tzinfo=UTC)
    asked = in_threads(lambda: list(weekly_digest.due(monday)))
    assert sum(map(len, asked)) == 1
    in_threads_and_twice_more(daily_counts.refresh)
    in_threads_and_twice_more(opening.ensure_own_unit)
    assert BusinessUnit.objects.count() == 2
    assert_quiet(server_log)


def test_a_repeated_import_logs_nothing(
    busy_unit: BusinessUnit, sandbox: Sandbox, server_log: ServerLog
) -> None:
    for person in range(1001, 1006):
        sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": str(person), "JobID": "88002"})
    in_threads_and_twice_more(lambda: event_import.import_unit(PARENT))
    assert SubscriberRequest.objects.count() == 5
    assert_quiet(server_log)


def test_lists_that_are_read_twice_log_nothing(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    found = [MailList(list_id=7901, name="News", description="", is_public=True)]
    in_threads_and_twice_more(lambda: stored_lists.store(busy_unit.mid, found))
    assert MailingList.objects.filter(list_id=7901).count() == 1
    assert CatalogueState.objects.get(unit=busy_unit).read_at is not None
    assert_quiet(server_log)


def test_texts_that_are_saved_twice_log_nothing(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    form = TextsForm({"consent": WORDS}, unit=busy_unit, language="en")
    assert form.is_valid()
    in_threads_and_twice_more(form.save)
    assert PageText.objects.get().text == WORDS
    assert_quiet(server_log)
