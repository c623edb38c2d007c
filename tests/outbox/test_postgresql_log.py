"""Ordinary operation puts nothing about people, and no error, into PostgreSQL's own log. The server
logs a statement that fails, with the values in it."""

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

from tests.helpers import PARENT, context, link
from unsub.admin.page_texts import TextsForm
from unsub.alerting import detection
from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.models import (
    Alarm,
    BusinessUnit,
    Channel,
    ConsentText,
    Erasure,
    Kind,
    LinkEmail,
    LostLink,
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
from unsub.units import opening
from unsub.web import lost_link_requests

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

ADDRESS, KEY, WORDS = "planted.address@example.com", "planted-key-7431", "planted-words"
WHO = SubscriberContext(subscriber_key=KEY, email_address=ADDRESS)
AT_ONCE = 8
_NEW_ENTRY = re.compile(r"\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] (\S*) ")


class ServerLog:
    """What the private server has written about this test's database since the test began."""

    def __init__(self) -> None:
        self._file = Path(os.environ["POSTGRES_LOG"])
        self._start = self._file.stat().st_size

    def read(self) -> str:
        """Return the entries, those of several lines whole."""
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
    """The log from here on, of a server that logs what PostgreSQL logs by default."""
    with connection.cursor() as cursor:
        for name, default in (("log_statement", "none"), ("log_min_error_statement", "error")):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (default,)
    return ServerLog()


@pytest.fixture
def busy_unit(unit: BusinessUnit) -> BusinessUnit:
    """A unit that has everything switched on."""
    unit.confirm_key, unit.pause_offered, unit.pause_end_action = "confirm", True, "put_back"
    unit.weekly_digest = unit.import_events = unit.lost_link_form = True
    unit.save()
    return unit


def at_once(work: Callable[[], Any]) -> list[Any]:
    """Return what each of several threads returns that begin the work in the same moment."""
    meet = Barrier(AT_ONCE, timeout=10)

    def run(_: int) -> Any:
        try:
            connection.ensure_connection()
            meet.wait()
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def twice_and_at_once(work: Callable[[], Any]) -> None:
    """Do something that was never done before from several threads, and then twice more."""
    at_once(work)
    work()
    work()


def ask(link_context: UnsubContext, **fields: Any) -> Submission:
    """Return what the planted person asks for."""
    submission = Submission(token="", context=link_context, channel=Channel.PROFILE, language="en")
    return replace(submission, **fields)


def test_a_statement_that_fails_is_in_the_log_with_its_values(
    unit: BusinessUnit, server_log: ServerLog
) -> None:
    """The other tests look for what this one finds."""
    asked = {"unit": unit, "person": "p", "email_address": ADDRESS}
    Erasure.objects.create(**asked)
    with pytest.raises(IntegrityError):
        Erasure.objects.create(**asked)
    assert "ERROR:  duplicate key" in server_log.read()
    assert ADDRESS in server_log.read()


def test_with_the_documented_settings_a_failure_names_nobody(
    unit: BusinessUnit, server_log: ServerLog
) -> None:
    asked = {"unit": unit, "person": "p", "email_address": ADDRESS}
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
    """Fail where the server has anything to say."""
    written = server_log.read()
    for planted in (ADDRESS, KEY, WORDS, "duplicate key", "ERROR"):
        assert planted not in written, written


def test_a_repeated_one_click_leaves_no_trace(
    busy_unit: BusinessUnit, settings: Settings, server_log: ServerLog
) -> None:
    path = link(settings, WHO)
    body = {"List-Unsubscribe": "One-Click"}
    twice_and_at_once(lambda: Client().post(path, body))
    assert SubscriberRequest.objects.count() == 1
    assert_quiet(server_log)


@pytest.mark.parametrize(
    ("fields", "emails", "more"),
    [
        ({"pause_days": 30}, 0, Pause),
        # With the email that confirms it.
        ({"change": Change(kind=Kind.SUBSCRIBE, consent_text=WORDS)}, 1, ConsentText),
        ({"change": Change(kind=Kind.ATTRIBUTE, name="City", value=WORDS)}, 0, None),
        ({"change": Change(kind=Kind.ADDRESS, value=ADDRESS, needs_confirmation=True)}, 1, None),
    ],
)
def test_a_repeated_change_leaves_no_trace(
    busy_unit: BusinessUnit,
    server_log: ServerLog,
    fields: dict[str, Any],
    emails: int,
    more: type[Pause | ConsentText] | None,
) -> None:
    submission = ask(context(WHO), **fields)
    twice_and_at_once(lambda: outbox.submit(submission))
    assert (SubscriberRequest.objects.count(), LinkEmail.objects.count()) == (1, emails)
    assert more is None or more._default_manager.count() == 1
    assert_quiet(server_log)


def test_a_request_that_is_made_again_after_its_day_leaves_no_trace(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    submission = ask(context(WHO))
    outbox.submit(submission)
    SubscriberRequest.objects.update(
        status=Status.DONE, received_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    twice_and_at_once(lambda: outbox.submit(submission))
    assert SubscriberRequest.objects.count() == 2
    assert_quiet(server_log)


def test_asking_for_erasure_and_a_lost_link_again_leave_no_trace(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    twice_and_at_once(lambda: outbox.request_erasure(context(WHO), language="en"))
    assert Erasure.objects.count() == 1

    def ask_for_link() -> None:
        lost_link_requests.report_lost_link(
            mid=PARENT, address=ADDRESS, client="192.0.2.1", language="en"
        )

    ask_for_link()
    twice_and_at_once(ask_for_link)
    assert LostLink.objects.count() == 1
    assert_quiet(server_log)


def test_an_open_alarm_leaves_no_trace_however_often_it_is_looked_for(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    outbox.submit(ask(context(WHO)))
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    twice_and_at_once(detection.evaluate)
    assert Alarm.objects.count() == 1
    assert_quiet(server_log)


def test_what_is_kept_up_in_the_background_leaves_no_trace(
    busy_unit: BusinessUnit, settings: Settings, server_log: ServerLog
) -> None:
    settings.SFMC_ACCOUNT_ID = 510009
    outbox.submit(ask(context(WHO)))
    monday = datetime(2026, 6, 1, 12, tzinfo=UTC)
    asked = at_once(lambda: list(weekly_digest.due(monday)))
    assert sum(map(len, asked)) == 1
    twice_and_at_once(daily_counts.refresh)
    twice_and_at_once(opening.ensure_own_unit)
    assert BusinessUnit.objects.count() == 2
    assert_quiet(server_log)


def test_an_import_that_is_repeated_leaves_no_trace(
    busy_unit: BusinessUnit, sandbox: Sandbox, server_log: ServerLog
) -> None:
    for person in range(1001, 1006):
        sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": str(person), "JobID": "88002"})
    twice_and_at_once(lambda: event_import.import_unit(PARENT))
    assert SubscriberRequest.objects.count() == 5
    assert_quiet(server_log)


def test_texts_that_are_saved_twice_leave_no_trace(
    busy_unit: BusinessUnit, server_log: ServerLog
) -> None:
    form = TextsForm({"consent": WORDS})
    assert form.is_valid()
    twice_and_at_once(lambda: form.save(busy_unit, "en"))
    assert PageText.objects.get().text == WORDS
    assert_quiet(server_log)
