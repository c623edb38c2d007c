"""Claiming and settling whole batches: the number of statements, and each row's own result."""

from collections.abc import Sequence
from os import EX_OK

import pytest
from celery.worker import state
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from tests.helpers import PARENT, MakeSubmission
from unsub import tasks
from unsub.delivery import late_calls, lease, worker
from unsub.delivery.batch import Batch, Row
from unsub.delivery.claim import claim
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import DeliveryAttempt, Status, SubscriberRequest
from unsub.outbox import store
from unsub.sandbox import Sandbox

from .helpers import no_more

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unit"),
]
POSTED = Verdict(outcome=Outcome.POSTED, status_code="OK", sfmc_request_id="a1")
LATER = Verdict(outcome=Outcome.TRY_LATER, status_code="Error", error_code=10)
REFUSED = Verdict(outcome=Outcome.REFUSED, status_code="Error", error_code=404)


def claimed(make_submission: MakeSubmission, number: int, *, first: int = 2001) -> Batch[Row]:
    """Return a batch of so many new requests, each of a subscriber of its own."""
    for subscriber in range(first, first + number):
        store.write(make_submission(subscriber))
    batch = claim(PARENT)
    assert batch is not None
    assert len(batch.rows) == number
    return batch


def statements(step: object) -> int:
    """Return the number of statements that a step executes."""
    assert callable(step)
    with CaptureQueriesContext(connection) as queries:
        step()
    return len(queries)


def test_a_claim_of_twenty_takes_as_many_statements_as_a_claim_of_one(
    make_submission: MakeSubmission,
) -> None:
    store.write(make_submission(1001))
    one = statements(lambda: claim(PARENT))
    for subscriber in range(2001, 2021):
        store.write(make_submission(subscriber))
    assert statements(lambda: claim(PARENT)) <= one + 1  # which of them are sent alone
    sizes = DeliveryAttempt.objects.values_list("batch_size", flat=True)
    assert set(sizes) == {1, 20}


def test_a_message_takes_at_most_fifteen_statements(make_submission: MakeSubmission) -> None:
    claimed(make_submission, 1, first=1001)
    for subscriber in range(2001, 2021):
        store.write(make_submission(subscriber))
    batches: list[Batch[Row]] = []

    def deliver() -> None:
        batch = worker._next_batch(PARENT)
        assert batch is not None
        batches.append(batch)
        lease.check(batch)
        worker.settle(batch, (POSTED,) * 20)

    assert statements(deliver) <= 15
    assert [len(batch.rows) for batch in batches] == [20]


def test_rows_that_end_alike_are_one_line_of_the_log(make_submission: MakeSubmission) -> None:
    batch = claimed(make_submission, 4)
    with capture_logs() as lines:
        worker.settle(batch, (POSTED, REFUSED, POSTED, POSTED))
    first, second, *others = (row.pk for row in batch.rows)
    settled = [line for line in lines if line["event"] == "attempt_settled"]
    assert [line.get("request_ids") for line in settled] == [[first, *others], None]
    assert [line.get("request_id") for line in settled] == [None, second]
    assert [line["outcome"] for line in settled] == ["posted", "refused"]
    assert settled[0]["job_ids"] == [batch.rows[0].job_id]


@pytest.mark.parametrize("verdict", [POSTED, LATER, REFUSED], ids=["posted", "later", "refused"])
def test_settling_twenty_takes_as_many_statements_as_settling_one(
    make_submission: MakeSubmission, verdict: Verdict
) -> None:
    single = claimed(make_submission, 1, first=1001)
    one = statements(lambda: worker.settle(single, (verdict,)))
    batch = claimed(make_submission, 20)
    assert statements(lambda: worker.settle(batch, (verdict,) * 20)) == one


def test_late_replies_to_twenty_take_as_many_statements_as_one(
    make_submission: MakeSubmission,
) -> None:
    batch = claimed(make_submission, 20)
    DeliveryAttempt.objects.update(finished_at=Now(), outcome=Outcome.UNKNOWN.value)
    pairs = [(row, POSTED) for row in batch.rows]
    writes = [
        sum("late_outcome" in query["sql"] for query in _captured(batch, some))
        for some in (pairs[:1], pairs[1:])
    ]
    assert writes == [1, 1]
    assert DeliveryAttempt.objects.filter(late_outcome="posted").count() == 20


def _captured(batch: Batch[Row], pairs: Sequence[tuple[Row, Verdict]]) -> list[dict[str, str]]:
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        late_calls.record(batch, pairs)
    return list(queries.captured_queries)


def test_each_row_of_a_batch_gets_its_own_result(make_submission: MakeSubmission) -> None:
    batch = claimed(make_submission, 6)
    verdicts = (POSTED, LATER, REFUSED, LATER, POSTED, REFUSED)
    worker.settle(batch, verdicts)
    found = SubscriberRequest.objects.order_by("pk").values_list("status", "outcome", "error_code")
    status = {POSTED: Status.DONE, LATER: Status.PENDING, REFUSED: Status.REFUSED}
    assert list(found) == [(status[one], one.outcome.value, one.error_code) for one in verdicts]
    attempts = DeliveryAttempt.objects.order_by("request_id")
    assert list(attempts.values_list("outcome", "error_code", "sfmc_request_id")) == [
        (one.outcome.value, one.error_code, one.sfmc_request_id) for one in verdicts
    ]
    assert not SubscriberRequest.objects.exclude(lease=None).exists()


def test_rows_that_wait_for_another_attempt_have_times_of_their_own(
    make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter([0.1, 0.9, 0.5])
    monkeypatch.setattr("unsub.delivery.settlement.random", lambda: next(draws))
    batch = claimed(make_submission, 3)
    worker.settle(batch, (LATER,) * 3)
    order = SubscriberRequest.objects.order_by("next_attempt_at").values_list("pk", flat=True)
    first, second, third = (row.pk for row in batch.rows)
    assert list(order) == [first, third, second]


def test_of_a_batch_only_the_rows_with_a_lease_are_settled(make_submission: MakeSubmission) -> None:
    batch = claimed(make_submission, 3)
    lost = batch.rows[1]
    SubscriberRequest.objects.filter(pk=lost.pk).update(
        status=Status.PENDING, lease=None, lease_until=None
    )
    worker.settle(batch, (POSTED,) * 3)
    statuses = SubscriberRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.DONE, Status.PENDING, Status.DONE]


def test_a_worker_that_is_to_stop_gives_back_what_it_has_claimed(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    for subscriber in (1001, 1002):
        store.write(make_submission(subscriber))
    told = iter([False, True, True])
    again = worker.drain(PARENT, more=no_more, is_stopping=lambda: next(told))
    assert again == 0.0
    assert sandbox.events() == []
    due = SubscriberRequest.objects.filter(status=Status.PENDING, next_attempt_at__lte=Now())
    assert due.filter(lease=None).count() == 2
    assert worker.drain(PARENT, more=no_more) is None
    assert len(sandbox.events()) == 2


def test_a_wake_up_during_the_stop_of_a_worker_makes_no_call(
    sandbox: Sandbox, make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(make_submission(1001))
    monkeypatch.setattr(state, "should_stop", EX_OK)  # as Celery does on SIGTERM
    tasks.deliver(PARENT, "key")
    assert sandbox.events() == []
    monkeypatch.setattr(state, "should_stop", None)
    tasks.deliver(PARENT, "key")
    assert len(sandbox.events()) == 1
