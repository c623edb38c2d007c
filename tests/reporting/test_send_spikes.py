"""Sends far above what is usual, found from the daily counts and what Marketing Cloud said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.helpers import CHILD, PARENT
from unsub.models import BusinessUnit, By, DailyCount, Send
from unsub.reporting import send_spikes

pytestmark = pytest.mark.django_db


def counted(job: int, number: int, *, days_ago: int = 0, mid: int = PARENT) -> None:
    """Set the unsubscribes of a job on one day."""
    day = timezone.now().astimezone(UTC).date() - timedelta(days=days_ago)
    DailyCount.objects.update_or_create(
        day=day, mid=mid, by=By.JOB, key=str(job), defaults={"number": number}
    )


def sent(job: int, days_ago: float, *, number: int = 10_000, **more: Any) -> Send:
    """Make a send that was read two hours after it, and since."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    fields: dict[str, Any] = {
        "unit_id": PARENT, "email_name": f"News {job}", "sent_at": at, "number_sent": number,
        "read_at": max(at + timedelta(hours=2), datetime.now(UTC) - timedelta(hours=1)),
    }  # fmt: skip
    return Send.objects.create(job_id=job, **fields | more)


@pytest.fixture
def history(unit: BusinessUnit) -> None:
    """Ten finished sends, each with a rate of 0.2%."""
    for number in range(10):
        sent(100 + number, 10 + number)
        counted(100 + number, 20, days_ago=9 + number)


def found() -> list[tuple[int, int, int]]:
    """Return what is found: MID, JobID, number."""
    return [(one.mid, one.job_id, one.number) for one in send_spikes.find()]


def test_a_send_far_above_the_earlier_ones_of_its_unit_is_found_once(history: None) -> None:
    sent(200, 0.5)
    counted(200, 40, days_ago=1)
    counted(200, 20)
    assert found() == []
    counted(200, 60)
    (one,) = send_spikes.find()
    assert (one.job_id, one.number, one.sent, one.first_day) == (200, 100, 10_000, None)
    assert (one.spike.value, one.spike.usual, one.spike.is_rate) == (0.01, 0.002, True)


def test_it_ends_by_itself_when_the_send_is_finished(history: None) -> None:
    send = sent(200, 2.9)
    counted(200, 300, days_ago=2)
    assert found() == [(PARENT, 200, 300)]
    Send.objects.filter(pk=send.pk).update(sent_at=datetime.now(UTC) - timedelta(days=3.1))
    assert found() == []


def test_the_sends_of_the_same_email_are_what_a_send_is_compared_with(history: None) -> None:
    for number in range(5):
        sent(300 + number, 20 + number, email_name="Win back")
        counted(300 + number, 150, days_ago=19 + number)
    sent(400, 0.5, email_name="Win back")
    counted(400, 200)
    assert found() == []
    Send.objects.filter(job_id=400).update(email_name="Weekly offers")
    assert found() == [(PARENT, 400, 200)]


def test_a_large_send_is_no_spike_and_its_size_is_waited_for(history: None) -> None:
    """A hundred times the usual number, to a hundred times as many people."""
    counted(200, 2_000)
    assert found() == []
    send = sent(200, 0.03, number=50_000, read_at=datetime.now(UTC))
    assert found() == []
    at = datetime.now(UTC) - timedelta(hours=3)
    Send.objects.filter(pk=send.pk).update(sent_at=at, number_sent=1_000_000)
    assert found() == []
    Send.objects.filter(pk=send.pk).update(number_sent=200_000)
    assert found() == [(PARENT, 200, 2_000)]


def test_numbers_alone_are_compared_where_sends_cannot_be_read(unit: BusinessUnit) -> None:
    for number in range(6):
        counted(100 + number, 20, days_ago=5 + number)
        counted(100 + number, 1, days_ago=4)
    for number in range(40):  # the last ones of old sends
        counted(10 + number, 30, days_ago=60)
        counted(10 + number, 1, days_ago=number % 25)
    counted(200, 63)
    assert found() == []
    counted(200, 64)
    assert found() == [(PARENT, 200, 64)]


def test_a_running_send_is_compared_with_its_own_days(unit: BusinessUnit) -> None:
    sent(500, 200, email_name="Welcome")
    for days_ago in range(1, 40):
        counted(500, 30 + days_ago % 3, days_ago=days_ago)
    counted(500, 90)
    assert found() == []
    counted(500, 120)
    (one,) = send_spikes.find()
    assert (one.number, one.email_name) == (120, "Welcome")
    assert one.first_day == timezone.now().astimezone(UTC).date()
    counted(500, 120, days_ago=1)
    counted(500, 30)
    assert found() == []


def test_a_send_of_another_unit_is_compared_with_its_own_unit(
    history: None, child: BusinessUnit
) -> None:
    for number in range(5):
        sent(600 + number, 10 + number, unit_id=CHILD)
        counted(600 + number, 200, days_ago=9 + number, mid=CHILD)
    for mid in (PARENT, CHILD):
        sent(700, 0.5, unit_id=mid)
        counted(700, 300, mid=mid)
    assert found() == [(PARENT, 700, 300)]


def test_looking_takes_few_statements_however_many_sends_there_are(history: None) -> None:
    for job in range(200, 260):
        sent(job, 0.5)
        counted(job, 300)
    with CaptureQueriesContext(connection) as queries:
        assert len(found()) == 60
    assert len(queries) <= 6
