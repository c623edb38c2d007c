"""Unsubscribes that happened elsewhere, taken over from Marketing Cloud."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.helpers import CHILD, PARENT, MakeWish
from unsub import tasks
from unsub.domain.context import SubscriberContext
from unsub.models import BusinessUnit, By, Channel, DailyTally, Status, UnsubRequest
from unsub.outbox import event_import, store
from unsub.reporting import daily_counts, latency
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def taking(unit: BusinessUnit) -> BusinessUnit:
    """A unit that wants what happened elsewhere."""
    BusinessUnit.objects.filter(pk=unit.pk).update(import_events=True)
    return unit


def elsewhere(sandbox: Sandbox, person: int, mid: int = PARENT, **parameters: str) -> None:
    """Let somebody unsubscribe in Marketing Cloud's own centre."""
    given = {"SubscriberID": str(person), "JobID": "88002"} | parameters
    sandbox.memory.log_unsub_event(mid, given)


def imported() -> list[UnsubRequest]:
    """Return what was taken over, oldest first."""
    return list(UnsubRequest.objects.filter(channel=Channel.IMPORT).order_by("received_at", "pk"))


def test_an_event_from_elsewhere_is_in_the_audit(taking: BusinessUnit, sandbox: Sandbox) -> None:
    elsewhere(sandbox, 1001)
    days = event_import.take_over(PARENT)
    (row,) = imported()
    assert (row.subscriber_key, row.subscriber_id) == ("ada-1001", 1001)
    assert (row.job_id, row.list_id, row.scope) == (88002, 7001, "list")
    assert (row.status, row.outcome, row.attempts) == ("done", "posted", 0)
    # Tracking has the vendor's own time, six hours behind: it must not be taken for ours.
    assert timezone.now() - row.received_at < timedelta(minutes=1)
    assert days == {row.received_at.date()}
    assert sandbox.events()[0]["subscriber_id"] == 1001


def test_reading_twice_writes_once_and_goes_on_from_the_last(
    taking: BusinessUnit, sandbox: Sandbox
) -> None:
    elsewhere(sandbox, 1001)
    event_import.take_over(PARENT)
    taking.refresh_from_db()
    assert taking.imported_upto == imported()[0].received_at
    elsewhere(sandbox, 1002)
    assert event_import.take_over(PARENT)
    assert [row.subscriber_id for row in imported()] == [1001, 1002]
    assert not event_import.take_over(PARENT)


def test_pages_are_followed(taking: BusinessUnit, sandbox: Sandbox) -> None:
    sandbox.shelf.page_size = 3
    for person in range(1001, 1011):
        elsewhere(sandbox, person)
    event_import.take_over(PARENT)
    assert [row.subscriber_id for row in imported()] == list(range(1001, 1011))
    assert sandbox.calls()["soap"]["Retrieve"] > 4


@pytest.mark.parametrize(
    "subscriber",
    [1001, SubscriberContext(subscriber_key="ada-1001"),
     SubscriberContext(email_address="ada@example.com")],
)  # fmt: skip
def test_our_own_come_back_and_are_known(
    taking: BusinessUnit, sandbox: Sandbox, make_wish: MakeWish, subscriber: int
) -> None:
    store.write(make_wish(subscriber))
    elsewhere(sandbox, 1001)  # stands for the call that we made for this wish
    elsewhere(sandbox, 1002)
    event_import.take_over(PARENT)
    assert [row.subscriber_id for row in imported()] == [1002]


def test_what_happened_before_somebody_came_to_us_is_taken_over(
    taking: BusinessUnit, sandbox: Sandbox, make_wish: MakeWish
) -> None:
    elsewhere(sandbox, 1001)
    store.write(make_wish(1001))
    UnsubRequest.objects.update(received_at=timezone.now() + timedelta(hours=1))
    event_import.take_over(PARENT)
    assert len(imported()) == 1


def test_only_units_that_want_it_and_each_its_own(
    taking: BusinessUnit, child: BusinessUnit, sandbox: Sandbox
) -> None:
    elsewhere(sandbox, 1001)
    elsewhere(sandbox, 1002, CHILD, JobID="88101")
    assert event_import.wanted() == [PARENT]
    assert not event_import.take_over(CHILD)
    BusinessUnit.objects.update(import_events=True)
    for mid in event_import.wanted():
        event_import.take_over(mid)
    assert [(row.unit_id, row.job_id) for row in imported()] == [(PARENT, 88002), (CHILD, 88101)]


@pytest.mark.parametrize("kind", ["http_500", "fault_11", "malformed", "token_500"])
def test_trouble_is_said_and_nothing_skipped(
    taking: BusinessUnit, sandbox: Sandbox, kind: str
) -> None:
    sandbox.shelf.page_size = 1
    for person in (1001, 1002):
        elsewhere(sandbox, person)
    if kind == "malformed":
        sandbox.cue("html_200", after=1)
    else:
        sandbox.cue(kind, after=0 if kind == "token_500" else 1, times=3)
    event_import.take_over(PARENT)
    taking.refresh_from_db()
    assert taking.import_trouble
    assert taking.imported_upto is None
    sandbox.clear()
    event_import.take_over(PARENT)
    taking.refresh_from_db()
    assert taking.import_trouble == ""
    assert [row.subscriber_id for row in imported()] == [1001, 1002]


def test_the_overview_counts_them_and_no_time_to_honour_does(
    taking: BusinessUnit, sandbox: Sandbox
) -> None:
    daily_counts.keep_up()
    elsewhere(sandbox, 1001)
    days = event_import.take_over(PARENT)
    # As old as one that came while nobody looked.
    UnsubRequest.objects.update(
        received_at=timezone.now() - timedelta(days=20),
        finished_at=timezone.now() - timedelta(days=20),
    )
    assert days
    daily_counts.recount({timezone.now().date() - timedelta(days=20)})
    assert DailyTally.objects.filter(by=By.CHANNEL, key="import").exists()
    UnsubRequest.objects.update(finished_at=timezone.now())
    assert latency.time_to_honour(PARENT).number == 0


def test_nothing_is_called_for_them(taking: BusinessUnit, sandbox: Sandbox) -> None:
    elsewhere(sandbox, 1001)
    tasks.import_events_of(PARENT)
    before = sandbox.calls()["soap"].get("Execute", 0)
    tasks.sweep()
    assert sandbox.calls()["soap"].get("Execute", 0) == before
    assert UnsubRequest.objects.get().status == Status.DONE


def test_the_story_says_where_it_happened(
    taking: BusinessUnit, sandbox: Sandbox, admin_client: Client
) -> None:
    elsewhere(sandbox, 1001)
    event_import.take_over(PARENT)
    page = admin_client.get(f"/admin/unsub/unsubrequest/{imported()[0].pk}/change/")
    assert "unsubscribed elsewhere; taken over from Marketing Cloud" in page.content.decode()
    listed = admin_client.get("/admin/unsub/unsubrequest/?channel__exact=import")
    assert f"/admin/unsub/unsubrequest/{imported()[0].pk}/change/" in listed.content.decode()
