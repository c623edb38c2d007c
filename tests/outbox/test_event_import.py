"""Import of unsubscribes that happened elsewhere, from Marketing Cloud."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, MakeSubmission, rewrite
from unsub import tasks
from unsub.domain.context import SubscriberContext
from unsub.gateway import calls
from unsub.models import (
    BusinessUnit,
    By,
    Channel,
    DailyCount,
    ImportState,
    Status,
    SubscriberRequest,
)
from unsub.outbox import event_import, store
from unsub.reporting import daily_counts, latency
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Subscriber
from unsub.sandbox.world.sample import sample_subscribers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def importing_unit(unit: BusinessUnit) -> BusinessUnit:
    """A unit with the import of events switched on."""
    BusinessUnit.objects.filter(pk=unit.pk).update(import_events=True)
    return unit


def unsubscribe_elsewhere(
    sandbox: Sandbox, person: int, mid: int = PARENT, **parameters: str
) -> None:
    """Make a subscriber unsubscribe in Marketing Cloud's own centre."""
    given = {"SubscriberID": str(person), "JobID": "88002"} | parameters
    sandbox.memory.log_unsub_event(mid, given)


def imported() -> list[SubscriberRequest]:
    """Return the imported requests, oldest first."""
    return list(
        SubscriberRequest.objects.filter(channel=Channel.IMPORT).order_by("received_at", "pk")
    )


def test_an_event_from_elsewhere_is_in_the_audit(
    importing_unit: BusinessUnit, sandbox: Sandbox
) -> None:
    unsubscribe_elsewhere(sandbox, 1001)
    days = event_import.import_unit(PARENT)
    (row,) = imported()
    assert (row.subscriber_key, row.subscriber_id) == ("ada-1001", 1001)
    assert (row.job_id, row.list_id, row.scope) == (88002, 7001, "list")
    assert (row.status, row.outcome, row.attempts) == ("done", "posted", 0)
    # Tracking has the vendor's own time, six hours behind: it must not be read as ours.
    assert timezone.now() - row.received_at < timedelta(minutes=1)
    assert days == {row.received_at.date()}
    assert sandbox.events()[0]["subscriber_id"] == 1001


def test_importing_twice_writes_once_and_continues_from_the_last_event(
    importing_unit: BusinessUnit, sandbox: Sandbox
) -> None:
    unsubscribe_elsewhere(sandbox, 1001)
    event_import.import_unit(PARENT)
    assert ImportState.objects.get().imported_upto == imported()[0].received_at
    unsubscribe_elsewhere(sandbox, 1002)
    assert event_import.import_unit(PARENT)
    assert [row.subscriber_id for row in imported()] == [1001, 1002]
    assert not event_import.import_unit(PARENT)


def test_pages_are_followed(importing_unit: BusinessUnit, sandbox: Sandbox) -> None:
    sandbox.retrieve_pages.page_size = 3
    for person in range(1001, 1011):
        unsubscribe_elsewhere(sandbox, person)
    event_import.import_unit(PARENT)
    assert [row.subscriber_id for row in imported()] == list(range(1001, 1011))
    assert sandbox.call_counts()["soap"]["Retrieve"] > 4


@pytest.mark.parametrize(
    "subscriber",
    [1001, SubscriberContext(subscriber_key="ada-1001"),
     SubscriberContext(email_address="ada@example.com")],
)  # fmt: skip
def test_events_of_our_own_calls_are_not_imported(
    importing_unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, subscriber: int
) -> None:
    store.write(make_submission(subscriber))
    unsubscribe_elsewhere(sandbox, 1001)  # stands for the call that we made for this request
    unsubscribe_elsewhere(sandbox, 1002)
    event_import.import_unit(PARENT)
    assert [row.subscriber_id for row in imported()] == [1002]


def test_an_event_from_before_the_subscribers_first_request_is_imported(
    importing_unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    unsubscribe_elsewhere(sandbox, 1001)
    later = timezone.now() + timedelta(hours=1)
    store.write(make_submission(1001, received_at=later))
    event_import.import_unit(PARENT)
    assert len(imported()) == 1


def test_only_units_with_the_import_switched_on_import_and_only_their_own_events(
    importing_unit: BusinessUnit, child: BusinessUnit, sandbox: Sandbox
) -> None:
    unsubscribe_elsewhere(sandbox, 1001)
    unsubscribe_elsewhere(sandbox, 1002, CHILD, JobID="88101")
    assert event_import.importing_units() == [PARENT]
    assert not event_import.import_unit(CHILD)
    BusinessUnit.objects.update(import_events=True)
    for mid in event_import.importing_units():
        event_import.import_unit(mid)
    assert [(row.unit_id, row.job_id) for row in imported()] == [(PARENT, 88002), (CHILD, 88101)]


@pytest.mark.parametrize("kind", ["http_500", "fault_11", "malformed", "token_500"])
def test_a_failed_import_is_recorded_and_skips_no_event(
    importing_unit: BusinessUnit, sandbox: Sandbox, kind: str
) -> None:
    sandbox.retrieve_pages.page_size = 1
    for person in (1001, 1002):
        unsubscribe_elsewhere(sandbox, person)
    if kind == "malformed":
        sandbox.cue("html_200", after=1)
    else:
        sandbox.cue(kind, after=0 if kind == "token_500" else 1, times=3)
    event_import.import_unit(PARENT)
    failed = ImportState.objects.get(pk=PARENT)
    assert failed.error
    assert failed.imported_upto is None
    sandbox.clear()
    event_import.import_unit(PARENT)
    done = ImportState.objects.get(pk=PARENT)
    assert done.error == ""
    assert done.imported_upto
    sandbox.cue("http_500", times=3)
    event_import.import_unit(PARENT)
    failed_later = ImportState.objects.get(pk=PARENT)
    assert failed_later.error
    assert failed_later.imported_upto == done.imported_upto
    assert [row.subscriber_id for row in imported()] == [1001, 1002]


def test_imported_events_are_counted_and_have_no_processing_time(
    importing_unit: BusinessUnit, sandbox: Sandbox
) -> None:
    daily_counts.refresh()
    unsubscribe_elsewhere(sandbox, 1001)
    days = event_import.import_unit(PARENT)
    # As old as one that came while the import did not run.
    rewrite(
        SubscriberRequest.objects.all(),
        received_at=timezone.now() - timedelta(days=20),
        finished_at=timezone.now() - timedelta(days=20),
    )
    assert days
    daily_counts.recount({timezone.now().date() - timedelta(days=20)})
    assert DailyCount.objects.filter(by=By.CHANNEL, key="import").exists()
    rewrite(SubscriberRequest.objects.all(), finished_at=timezone.now())
    assert latency.processing_time(PARENT).number == 0


def test_imported_events_are_not_sent(importing_unit: BusinessUnit, sandbox: Sandbox) -> None:
    unsubscribe_elsewhere(sandbox, 1001)
    tasks.import_events_of(PARENT)
    before = sandbox.call_counts()["soap"].get("Execute", 0)
    tasks.sweep()
    assert sandbox.call_counts()["soap"].get("Execute", 0) == before
    assert SubscriberRequest.objects.get().status == Status.DONE


def test_the_timeline_says_where_the_event_happened(
    importing_unit: BusinessUnit, sandbox: Sandbox, admin_client: Client
) -> None:
    unsubscribe_elsewhere(sandbox, 1001)
    event_import.import_unit(PARENT)
    page = admin_client.get(f"/admin/unsub/subscriberrequest/{imported()[0].pk}/change/")
    assert "in Marketing Cloud. Imported." in page.content.decode()
    listed = admin_client.get("/admin/unsub/subscriberrequest/?channel__exact=import")
    assert f"/admin/unsub/subscriberrequest/{imported()[0].pk}/change/" in listed.content.decode()


@pytest.fixture
def without_address(sandbox: Sandbox, settings: Settings) -> Iterator[Sandbox]:
    """A sandbox in which two subscribers have no address, and two have one together."""
    people = [
        *sample_subscribers(5),
        Subscriber(subscriber_id=2001, key="phone-2001", email=""),
        Subscriber(subscriber_id=2002, key="phone-2002", email=""),
        Subscriber(subscriber_id=2003, key="family-2003", email="family@example.com"),
        Subscriber(subscriber_id=2004, key="family-2004", email="family@example.com"),
    ]
    with Sandbox(subscribers=people) as running:
        settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = running.url
        calls.client.cache_clear()
        yield running


@pytest.mark.parametrize("requested", [1004, 2002, SubscriberContext(subscriber_key="phone-2002")])
def test_subscribers_without_an_address_do_not_get_one_anothers_requests(
    importing_unit: BusinessUnit, without_address: Sandbox, make_submission: MakeSubmission,
    requested: int | SubscriberContext,
) -> None:  # fmt: skip
    store.write(make_submission(requested))  # of the same job, and no address is stored with it
    unsubscribe_elsewhere(without_address, 2001)
    with CaptureQueriesContext(connection) as queries:
        event_import.import_unit(PARENT)
    assert [row.subscriber_id for row in imported()] == [2001]
    # Nor are the requests of everybody without an address read.
    assert not any('"address_digest" IN (\'' in query["sql"] for query in queries)
    unsubscribe_elsewhere(without_address, 2002)
    event_import.import_unit(PARENT)
    assert len(imported()) == (2 if requested == 1004 else 1)


def test_subscribers_who_share_an_address_do_not_get_one_anothers_requests(
    importing_unit: BusinessUnit, without_address: Sandbox, make_submission: MakeSubmission
) -> None:
    both = SubscriberContext(subscriber_id=2003, email_address="family@example.com")
    store.write(make_submission(both))
    for person in (2003, 2004):
        unsubscribe_elsewhere(without_address, person)
    event_import.import_unit(PARENT)
    assert [row.subscriber_id for row in imported()] == [2004]
