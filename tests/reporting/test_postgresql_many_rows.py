"""What is done all the time reads few pages of PostgreSQL's tables, however many rows they have.

The tables are filled as they are after two years (scripts/scale_rows.py), with a few thousand
requests that wait. The plans are those of the real statements, and the pages do not depend on what
else the machine does.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client

from scripts import scale_rows
from scripts.plans import Plan, executed
from tests.helpers import MakeSubmission, sign_in
from unsub.admin import subscriber_search
from unsub.alerting import detection
from unsub.audit import sealing
from unsub.delivery import worker
from unsub.delivery.claim import claim
from unsub.delivery.sweep import sweep
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import By, DailyCount, Send, SubscriberRequest
from unsub.outbox import retention, store
from unsub.reporting import audit_export, overview, send_spikes

pytestmark = pytest.mark.django_db
NUMBER = 30_000
MID = scale_rows.MIDS[0]
LARGE = {"unsub_subscriberrequest", "unsub_deliveryattempt", "unsub_dailycount"}
FILLED = (
    *LARGE, "unsub_resolutionnote", "unsub_businessunit", "unsub_sealcursor", "unsub_countcursor",
)  # fmt: skip
HALF = 800  # of the pages of the requests, without their indexes
POSTED = Verdict(outcome=Outcome.POSTED, status_code="OK")
REQUESTS = "/admin/unsub/subscriberrequest/"


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Fill the tables once for all tests of this module."""
    with django_db_blocker.unblock():
        scale_rows.fill(NUMBER)
        _vacuum()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in FILLED:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - from above
        cursor.execute("SET session_replication_role = DEFAULT")
        _vacuum()


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(FILLED)}")


@pytest.fixture
def browser() -> Client:
    client = Client()
    sign_in(client, User.objects.create_superuser("ada"))
    return client


def plans_of(act: Callable[[], Any]) -> list[Plan]:
    """Return the plans of what is done, when caches are filled."""
    with executed() as plans:
        act()
    return plans


def check(plans: list[Plan], most: int = HALF) -> None:
    """Assert that no large table was read from its first page on, and that no statement looked at
    more than so many pages."""
    assert plans
    for plan in plans:
        assert not plan.read_in_full() & LARGE, plan.statement
        assert plan.pages <= most, (plan.pages, plan.statement)


def test_accepting_reads_few_pages(many: None, make_submission: MakeSubmission) -> None:
    check(plans_of(lambda: store.write_at_once(make_submission(1001))), 200)


def test_accepting_the_same_again_reads_few_pages(
    many: None, make_submission: MakeSubmission
) -> None:
    store.write_at_once(make_submission(1001))
    check(plans_of(lambda: store.write_at_once(make_submission(1001))), 200)


def test_claiming_and_settling_read_few_pages(many: None) -> None:
    worker.settle(_claimed(), (POSTED,) * 20)
    batches: list[Any] = []
    check(plans_of(lambda: batches.append(_claimed())))
    check(plans_of(lambda: worker.settle(batches[0], (POSTED,) * 20)))


def _claimed() -> Any:
    batch = claim(MID)
    assert batch
    assert len(batch.rows) == 20
    return batch


def _day() -> Any:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)
    return SubscriberRequest.objects.filter(
        received_at__gte=day, received_at__lt=day + timedelta(days=1)
    )


TASKS: dict[str, Callable[[], Any]] = {
    "sweep": sweep,
    "alarms": detection.evaluate,
    "overview of 30 days": lambda: overview.build(mids=None, days=30),
    "overview of a unit": lambda: overview.build(mids=[MID], days=30),
    "export of a day": lambda: [*audit_export.iter_rows(_day())],
    "sealing with nothing ended": sealing.seal,
    "counting the open requests": lambda: [*SubscriberRequest.objects.open_counts()],
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_repeated_task_reads_few_pages(many: None, task: Callable[[], Any]) -> None:
    task()
    check(plans_of(task))


def test_sends_far_above_the_usual_are_found_by_indexes(many: None) -> None:
    """Of twelve units with five hundred sends each, one unit's send of today stands out."""
    found: list[Any] = []
    now = datetime.now(UTC)
    Send.objects.bulk_create(
        Send(
            unit_id=mid, job_id=job, email_name=f"News {job % 7}", number_sent=10_000,
            sent_at=now - timedelta(days=90) * (1 - job / 500), read_at=now,
        )
        for mid in scale_rows.MIDS for job in range(500)
    )  # fmt: skip
    DailyCount.objects.bulk_create(
        DailyCount(day=now - timedelta(days=age), mid=mid, by=By.JOB, key=str(job), number=20)
        for mid in scale_rows.MIDS for job in range(500)
        for age in (89 - job * 90 // 500, 88 - job * 90 // 500) if age >= 4
    )  # fmt: skip
    Send.objects.create(
        unit_id=MID, job_id=900, email_name="News 3", number_sent=10_000, read_at=now,
        sent_at=now - timedelta(hours=9),
    )  # fmt: skip
    DailyCount.objects.create(day=now, mid=MID, by=By.JOB, key="900", number=400)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE unsub_send, unsub_dailycount")
    plans = plans_of(lambda: found.extend(send_spikes.find()))
    assert [(one.mid, one.job_id, one.number) for one in found] == [(MID, 900, 400)]
    check(plans)
    for plan in plans:
        assert "unsub_send" not in plan.read_in_full(), plan.statement


def test_retention_reads_few_pages(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 20)
    check(plans_of(lambda: retention.apply(chunks=1)))


@pytest.mark.parametrize(
    ("index", "task"), [("request_received", "export of a day"), ("request_due", "sweep")]
)
def test_a_missing_index_is_noticed(many: None, index: str, task: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
    plans = plans_of(TASKS[task])
    with pytest.raises(AssertionError):
        check(plans)


PAGES = {
    "metrics": "/metrics",
    "first page": REQUESTS,
    "refused": f"{REQUESTS}?status__exact=refused",
    "late": f"{REQUESTS}?late=yes",
    "attempts": "/admin/unsub/deliveryattempt/",
    "search by address": f"{REQUESTS}?q=person7@example.com",
    "search by SubscriberID": f"{REQUESTS}?q=1001",
}


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_of_the_admin_reads_few_pages(many: None, browser: Client, path: str) -> None:
    for mid in scale_rows.MIDS:
        # What Marketing Cloud said, which the search keeps.
        cache.set(subscriber_search._key(mid, "person7@example.com"), (), timeout=60)
        cache.set(subscriber_search._key(mid, "1001"), (), timeout=60)
    assert browser.get(path).status_code == 200
    caches["shared"].delete("processing_time")
    check(plans_of(lambda: browser.get(path)))
