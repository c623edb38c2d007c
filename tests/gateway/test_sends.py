"""What a job was: read from Marketing Cloud, stored, and shown without a call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import F
from django.test import Client

from tests.helpers import CHILD, PARENT, request, seen
from unsub import tasks
from unsub.gateway import sends
from unsub.models import BusinessUnit, Send
from unsub.reporting import daily_counts, send_rates
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def left(job_id: int, number: int = 1, **more: Any) -> None:
    """Store unsubscribes by a job, and count them."""
    for _ in range(number):
        request(0, job_id=job_id, **more)
    daily_counts.refresh()


def test_a_job_gets_the_name_of_its_email_and_the_number_sent(
    sandbox: Sandbox, unit: BusinessUnit, child: BusinessUnit
) -> None:
    left(88002, 3)
    left(88101, unit_id=CHILD)
    assert sends.due_units() == [PARENT, CHILD]
    tasks.read_sends_of(PARENT)
    (send,) = Send.objects.all()
    assert (send.unit_id, send.job_id, send.email_name) == (PARENT, 88002, "Weekly offers")
    assert send.subject
    assert send.number_sent == len(sandbox.memory.subscribers)
    assert send.sent_at is not None
    assert datetime.now(UTC) - send.sent_at < timedelta(days=2)
    assert sends.due_units() == [CHILD]


def test_a_job_that_marketing_cloud_does_not_know_is_not_asked_for_again_today(
    sandbox: Sandbox, unit: BusinessUnit
) -> None:
    left(99999)
    sends.refresh(PARENT)
    assert not Send.objects.get().email_name
    assert sends.due_jobs(PARENT) == []
    Send.objects.update(read_at=F("read_at") - timedelta(days=2))
    assert sends.due_jobs(PARENT) == [99999]


@pytest.mark.parametrize(
    ("sent_days_ago", "read_hours_ago", "due"),
    [(1, 0.5, False), (1, 2, True), (10, 2, False), (10, 30, True), (40, 200, False)],
)
def test_a_new_send_is_read_again_sooner_than_an_old_one(
    unit: BusinessUnit, sent_days_ago: float, read_hours_ago: float, due: bool
) -> None:
    left(88002)
    now = datetime.now(UTC)
    Send.objects.create(
        unit=unit, job_id=88002, email_name="Weekly offers",
        sent_at=now - timedelta(days=sent_days_ago), read_at=now - timedelta(hours=read_hours_ago),
    )  # fmt: skip
    assert bool(sends.due_jobs(PARENT)) is due


def test_where_it_cannot_be_read_the_next_try_comes_later_and_nothing_is_lost(
    sandbox: Sandbox, unit: BusinessUnit, caplog: pytest.LogCaptureFixture
) -> None:
    left(88002)
    sends.refresh(PARENT)
    Send.objects.update(read_at=F("read_at") - timedelta(days=1))
    sandbox.cue("http_500", times=None)
    sends.refresh(PARENT)
    assert "sends_unread" in caplog.text
    assert Send.objects.get().email_name == "Weekly offers"
    assert sends.due_units() == []


def test_without_the_right_to_read_emails_unsubscribes_go_on(
    unit: BusinessUnit, sandbox: Sandbox
) -> None:
    left(88002)
    sandbox.cue("permission_failed", operation="Retrieve", times=None)
    sends.refresh(PARENT)
    assert not Send.objects.exists()


def test_the_usual_rate_is_the_median_of_the_sends_that_went_to_many(unit: BusinessUnit) -> None:
    now = datetime.now(UTC)
    for number, (sent, gone) in enumerate(
        [(1000, 1), (1000, 2), (1000, 3), (1000, 4), (1000, 9), (10, 9)]
    ):
        Send.objects.create(
            unit=unit, job_id=100 + number, email_name="Weekly offers", sent_at=now, read_at=now,
            number_sent=sent,
        )  # fmt: skip
        left(100 + number, gone)
    found = send_rates.recent([PARENT])
    assert send_rates.usual_rate(found.values()) == pytest.approx(0.003)
    assert send_rates.rate_of(found.values()) == pytest.approx(28 / 5010)
    assert send_rates.usual_rate([found[PARENT, 100]]) is None


def test_a_job_that_links_of_two_units_name_is_counted_for_each_unit_alone(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    now = datetime.now(UTC)
    for one, number in ((unit, 1000), (child, 500)):
        Send.objects.create(
            unit=one, job_id=88002, email_name="Weekly offers", sent_at=now, read_at=now,
            number_sent=number,
        )  # fmt: skip
    left(88002, 4)
    left(88002, 1, unit_id=CHILD)
    found = send_rates.of_jobs(None, [88002])
    assert {mid: one.rate for (mid, _), one in found.items()} == {PARENT: 0.004, CHILD: 0.002}
    assert send_rates.of_jobs([CHILD], [88002]).keys() == {(CHILD, 88002)}


def a_send(unit: BusinessUnit, job: int, sent: int, *, days_ago: int, name: str) -> Send:
    """Make a send."""
    now = datetime.now(UTC)
    return Send.objects.create(
        unit=unit, job_id=job, email_name=name, number_sent=sent, read_at=now,
        sent_at=now - timedelta(days=days_ago),
    )  # fmt: skip


def test_sends_are_sorted_by_rate_number_and_date_and_found_by_job(
    unit: BusinessUnit, admin_client: Client
) -> None:
    for job, sent, days_ago, gone in ((1, 1000, 3, 2), (2, 100, 1, 1), (3, 0, 2, 3)):
        a_send(unit, job, sent, days_ago=days_ago, name="Weekly offers")
        left(job, gone)
    columns = {"sent": 2, "unsubscribes": 6, "rate": 7}
    for column, order in (("sent", [2, 3, 1]), ("unsubscribes", [3, 1, 2]), ("rate", [2, 1, 3])):
        page = admin_client.get(f"/admin/unsub/send/?o=-{columns[column]}")
        assert [send.job_id for send in page.context["cl"].result_list] == order, column
    for term in ("2", "offers"):
        assert admin_client.get(f"/admin/unsub/send/?q={term}").status_code == 200
    found = admin_client.get("/admin/unsub/send/?q=2").context["cl"].result_list
    assert [send.job_id for send in found] == [2]


def test_the_page_of_a_send_shows_its_email_send_by_send_beside_the_usual_rate(
    unit: BusinessUnit, admin_client: Client
) -> None:
    for job in range(1, 15):
        a_send(unit, job, 1000, days_ago=job, name="Weekly offers")
        left(job, 4 if job == 1 else 2)
    a_send(unit, 99, 1000, days_ago=2, name="Other news")
    first = Send.objects.get(job_id=1)
    page = admin_client.get(f"/admin/unsub/send/{first.pk}/change/")
    trend = page.context["trend"]
    assert [row.rate for row in trend] == ["0.40%", *["0.20%"] * 11]
    assert [row.width for row in trend[:2]] == [100.0, 50.0]
    assert page.context["trend_usual_at"] == 50.0
    words = seen(page.content)
    assert "The line marks the usual rate, 0.20%" in words
    assert "12 of 14 sends. Show all" in words
    every = admin_client.get(page.context["trend_url"]).context["cl"]
    assert every.result_count == 14
    once = Send.objects.get(job_id=99)
    alone = admin_client.get(f"/admin/unsub/send/{once.pk}/change/")
    assert "send by send" not in seen(alone.content)


def test_the_overview_names_sends_and_their_page_says_why_people_left(
    sandbox: Sandbox, unit: BusinessUnit, admin_client: Client
) -> None:
    left(88002, 3)
    left(88001, 2)
    sends.refresh(PARENT)
    page = admin_client.get("/admin/").content.decode()
    assert "Weekly offers" in page
    assert "Rain is coming" in page
    assert "By email" in page
    newest = Send.objects.get(job_id=88002)
    listed = admin_client.get("/admin/unsub/send/").content.decode()
    assert "Rain is coming" in listed
    detail = admin_client.get(f"/admin/unsub/send/{newest.pk}/change/").content.decode()
    assert "No reason given" in detail
    assert "job_id=88002" in detail
