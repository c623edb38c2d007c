"""A held queue: its state is one row, however many requests wait in it."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from tests.helpers import CHILD, PARENT, MakeSubmission, context, made, queue, seen, shown
from unsub.admin.units import BusinessUnitAdmin
from unsub.alerting import detection
from unsub.delivery import circuit, sweep, worker
from unsub.delivery.claim import claim
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import BusinessUnit, Cause, DeliveryAttempt, QueueState, Status, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import store
from unsub.sandbox import Sandbox
from unsub.units import queue_state

from .helpers import drain

pytestmark = pytest.mark.django_db(transaction=True)
REVOKED = Verdict(outcome=Outcome.MISCONFIGURED, detail="credentials refused")
ADMIN = "/admin/unsub/subscriberrequest/"


def backlog(number: int, mid: int = PARENT) -> None:
    """Make that many pending requests, each of another subscriber, due since a minute ago."""
    at = timezone.now() - timedelta(minutes=1)
    rows = (
        made(
            unit_id=mid, subscriber_id=one, status=Status.PENDING, attempts=0, received_at=at,
            next_attempt_at=at, give_up_at=at + timedelta(days=9),
        )
        for one in range(1, number + 1)
    )  # fmt: skip
    SubscriberRequest.objects.bulk_create(rows, batch_size=500)


def probe_is_due() -> None:
    """Make the next probe due, as if the two minutes had passed."""
    QueueState.objects.update(paused_until=Now() - timedelta(seconds=1))


@contextmanager
def counting_changes() -> Iterator[list[int]]:
    """Yield a list that receives the number of rows changed by each UPDATE of the block."""
    changed: list[int] = []

    def count(execute: Any, sql: str, params: Any, many: bool, known: Any) -> Any:
        done = execute(sql, params, many, known)
        if sql.startswith("UPDATE"):
            changed.append(known["cursor"].rowcount)
        return done

    with connection.execute_wrapper(count):
        yield changed


def test_refused_credentials_settle_and_hold_however_many_requests_wait(
    unit: BusinessUnit,
) -> None:
    backlog(5_000)
    batch = claim(PARENT)
    assert batch
    with counting_changes() as changed:
        worker.settle(batch, (REVOKED,) * len(batch.rows))
    # An attempt and a request for each row of the message, and the state of the queue.
    assert sum(changed) == 2 * len(batch.rows) + 1
    assert queue().held_reason == "credentials refused"
    assert not DeliveryAttempt.objects.filter(finished_at=None).exists()
    assert not SubscriberRequest.objects.exclude(status=Status.PENDING).exists()
    assert claim(PARENT) is None
    held = [(one.cause, one.number) for one in detection.find()]
    assert held == [(Cause.HELD, 5_000)]
    with counting_changes() as changed:
        assert outbox.release([PARENT]) == 5_000
    assert changed == [1]
    # The rows of that message wait for their backoff; the others are still due.
    again = claim(PARENT)
    assert again
    assert not {row.pk for row in batch.rows} & {row.pk for row in again.rows}


def test_saving_the_units_form_does_not_undo_a_hold(
    admin_client: Client, unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = BusinessUnitAdmin.save_model

    def held_meanwhile(self: BusinessUnitAdmin, *given: Any) -> None:
        queue_state.hold(PARENT, "credentials refused")
        save(self, *given)

    monkeypatch.setattr(BusinessUnitAdmin, "save_model", held_meanwhile)
    form = {
        "name": "Another name", "language": "en", "profile_days": "90", "pause_end_action": "ask",
        "address_guard": "told", "address_undo_days": "14", "address_hold_hours": "72",
        "unsubscribe_reach": "enterprise",
    }  # fmt: skip
    there = f"/admin/unsub/businessunit/{PARENT}/change/"
    assert admin_client.post(there, form).status_code == 302
    unit.refresh_from_db()
    assert unit.name == "Another name"
    assert (queue().is_held, queue().held_reason) == (True, "credentials refused")
    page = seen(admin_client.get(there).content)
    assert "credentials refused" in page


def test_from_a_held_queue_only_one_probe_is_claimed(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    for number in range(1001, 1006):
        store.write(make_submission(number))
    queue_state.hold(PARENT, "credentials refused")
    probe_is_due()

    def work(_: int) -> int:
        try:
            batch = claim(PARENT, probing=True) if circuit.acquire_probe(PARENT) else claim(PARENT)
            return len(batch.rows) if batch else 0
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == [0] * 7 + [1]
    assert DeliveryAttempt.objects.count() == 1


def test_each_probe_is_another_request(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    for number in range(1001, 1004):
        store.write(make_submission(number))
    queue_state.hold(PARENT, "credentials refused")
    sandbox.cue("revoke_credentials", times=None)
    for _ in range(3):
        probe_is_due()
        assert sweep.sweep() == [PARENT]
        drain()
        assert sweep.sweep() == []
    assert set(SubscriberRequest.objects.values_list("attempts", flat=True)) == {1}
    # A probe's backoff ends within the two minutes after which the next probe is due.
    late = SubscriberRequest.objects.filter(next_attempt_at__gt=Now() + queue_state.HOLD_PROBE)
    assert not late.exists()


def test_a_request_that_can_still_be_undone_is_not_used_as_probe(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    SubscriberRequest.objects.update(next_attempt_at=Now() + timedelta(minutes=1))
    queue_state.hold(PARENT, "credentials refused")
    probe_is_due()
    drain()
    assert DeliveryAttempt.objects.count() == 0
    assert queue().is_held
    assert outbox.withdraw(context())
    assert SubscriberRequest.objects.get().status == Status.WITHDRAWN


def test_a_held_request_is_given_up_at_its_horizon(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    queue_state.hold(PARENT, "credentials refused")
    SubscriberRequest.objects.update(give_up_at=Now() - timedelta(seconds=1))
    sweep.sweep()
    assert shown() == [Status.REFUSED]


def test_holding_again_keeps_the_time_since_which_the_queue_is_held(unit: BusinessUnit) -> None:
    queue_state.hold(PARENT, "credentials refused")
    QueueState.objects.update(held_since=F("held_since") - timedelta(days=1))
    since = queue().held_since
    queue_state.hold(PARENT, "the address is not let in")
    assert (queue().held_since, queue().held_reason) == (since, "the address is not let in")


def test_the_database_refuses_a_row_with_the_status_held(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    with pytest.raises(IntegrityError), transaction.atomic():
        SubscriberRequest.objects.update(status=Status.HELD)


@pytest.fixture
def pending_and_held(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission
) -> list[SubscriberRequest]:
    """A pending request, a held one, and one of an unknown unit."""
    submissions = (
        make_submission(),
        make_submission(mid=CHILD, job=88101),
        make_submission(mid=599_999),
    )
    rows = [store.write(submission)[0] for submission in submissions]
    queue_state.hold(CHILD, "credentials refused")
    return rows


def test_units_with_requests_to_send_are_found(pending_and_held: list[SubscriberRequest]) -> None:
    SubscriberRequest.objects.filter(unit_id=PARENT).update(
        next_attempt_at=Now() + timedelta(minutes=1)
    )
    heads = [(head.mid, head.is_due) for head in queue_state.heads()]
    assert heads == [(PARENT, False), (CHILD, True), (599_999, True)]
    assert sweep.sweep() == []
    SubscriberRequest.objects.update(next_attempt_at=Now())
    assert sweep.sweep() == [PARENT]
    probe_is_due()
    assert sweep.sweep() == [PARENT, CHILD]


def test_held_is_shown_where_pending_is_stored(
    pending_and_held: list[SubscriberRequest], admin_client: Client, client: Client
) -> None:
    pending, held, unknown = (row.pk for row in pending_and_held)
    for query, expected in (
        ("held", [held, unknown]), ("pending", [pending]), ("nonsense", []),
    ):  # fmt: skip
        answer = admin_client.get(f"{ADMIN}?status__exact={query}")
        found = sorted(row.pk for row in answer.context["cl"].result_list)
        assert found == expected, query
        file = admin_client.get(f"{ADMIN}export.csv?status__exact={query}")
        lines: Any = file.streaming_content  # type: ignore[attr-defined]
        rows = list(csv.DictReader(io.StringIO(b"".join(lines).decode())))
        assert [(int(row["id"]), row["status"]) for row in rows] == [(pk, query) for pk in expected]
    for pk, why in (
        (held, "The queue is on hold: credentials refused"),
        (unknown, "This business unit isn’t set up here."),
    ):
        page = seen(admin_client.get(f"{ADMIN}{pk}/change/").content)
        assert why in page
        assert "Retry" in page
    assert "Retry" not in seen(admin_client.get(f"{ADMIN}{pending}/change/").content)
    metrics = client.get("/metrics").content.decode()
    assert 'unsub_requests{mid="510001",status="pending"} 1.0' in metrics
    assert 'unsub_requests{mid="510002",status="held"} 1.0' in metrics
    assert 'unsub_requests{mid="599999",status="held"} 1.0' in metrics


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("held",), ["held", "held"]), (("pending",), ["pending"]),
        (("held", "pending"), ["pending", "held", "held"]), (("done",), []),
    ],
)  # fmt: skip
def test_the_audit_export_filters_by_the_shown_status(
    pending_and_held: list[SubscriberRequest], statuses: tuple[str, ...], expected: list[str]
) -> None:
    out = io.StringIO()
    options = [part for status in statuses for part in ("--status", status)]
    call_command("export_audit", *options, stdout=out)
    assert [row["status"] for row in csv.DictReader(io.StringIO(out.getvalue()))] == expected
