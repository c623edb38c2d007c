"""claim -> call -> settle, against the sandbox over HTTP, on a real database."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, MakeSubmission, queue, shown
from unsub.delivery import circuit, sweep, worker
from unsub.delivery.claim import claim
from unsub.gateway import calls as gateway
from unsub.models import BusinessUnit, DeliveryAttempt, Status, SubscriberRequest
from unsub.outbox import store
from unsub.sandbox import Sandbox

from .helpers import drain, due_now

pytestmark = pytest.mark.django_db(transaction=True)


def outcomes(request: SubscriberRequest) -> list[str]:
    """Return the outcomes of a request's attempts, in order."""
    return list(request.delivery_attempts.order_by("number").values_list("outcome", flat=True))


def test_a_request_becomes_an_event_tracked_against_its_job(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission(reason="too-many", words="Every day!"))
    drain()
    request.refresh_from_db()
    assert (request.status, request.outcome) == (Status.DONE, "posted")
    assert request.sfmc_request_id
    assert request.finished_at
    (event,) = sandbox.events()
    assert (event["job_id"], event["list_id"], event["batch_id"]) == (88002, 7001, 0)
    assert event["reason"] == "I get too many emails: Every day!"


def test_without_a_reason_the_parameter_is_omitted(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    drain()
    (event,) = sandbox.events()
    assert "Reason" not in event["parameters"]


def test_the_child_unit_is_addressed_by_its_mid(
    unit: BusinessUnit, child: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    store.write(make_submission(mid=CHILD, job=88101))
    request, _ = store.write(make_submission(mid=CHILD, job=None))
    drain(CHILD)
    assert {event["mid"] for event in sandbox.events()} <= {CHILD}
    request.refresh_from_db()
    assert request.status == Status.DONE


def test_a_backlog_is_sent_in_batches_and_each_row_gets_its_own_result(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    store.write(make_submission(1002))
    drain()
    SubscriberRequest.objects.update(idempotency_key=None)
    stranger, _ = store.write(make_submission(999_999))
    again, _ = store.write(make_submission(1002))
    fresh, _ = store.write(make_submission(1003))
    drain()
    results = dict(SubscriberRequest.objects.values_list("pk", "outcome"))
    assert results[stranger.pk] == "refused"
    assert results[again.pk] == "already_unsubscribed"
    assert results[fresh.pk] == "posted"
    sizes = DeliveryAttempt.objects.filter(number=1, request__in=[stranger, again, fresh])
    assert set(sizes.values_list("batch_size", flat=True)) == {3}


def test_a_lost_reply_is_unknown_and_the_second_call_finds_it_already_done(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission())
    sandbox.cue("drop_after_record")
    drain()
    request.refresh_from_db()
    assert (request.status, request.outcome) == (Status.PENDING, "unknown")
    due_now()
    drain()
    request.refresh_from_db()
    assert request.status == Status.DONE
    assert outcomes(request) == ["unknown", "already_unsubscribed"]
    assert len(sandbox.events()) == 1


def test_a_batch_with_too_few_results_is_sent_again_row_by_row(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    rows = [store.write(make_submission(number))[0] for number in (1001, 1002, 1003)]
    sandbox.cue("short_results")
    drain()
    assert {
        row.status for row in SubscriberRequest.objects.filter(pk__in=[r.pk for r in rows])
    } == {Status.DONE}
    assert queue().singly_until is not None
    assert DeliveryAttempt.objects.filter(number=2, batch_size=1).count() == 3
    assert len(sandbox.events()) == 3


@pytest.mark.parametrize(
    ("cue", "outcome", "reason"),
    [("fault_9", "try_later", "maintenance"), ("fault_17", "try_later", "rate_limit")],
)
def test_maintenance_and_rate_limits_pause_the_unit(
    unit: BusinessUnit,
    sandbox: Sandbox,
    make_submission: MakeSubmission,
    cue: str,
    outcome: str,
    reason: str,
) -> None:
    request, _ = store.write(make_submission())
    sandbox.cue(cue)
    drain()
    request.refresh_from_db()
    assert (request.status, request.outcome) == (Status.PENDING, outcome)
    assert queue().paused_reason == reason
    SubscriberRequest.objects.update(next_attempt_at=Now())
    assert claim(PARENT) is None
    due_now()
    drain()
    request.refresh_from_db()
    assert (request.status, queue().paused_reason) == (Status.DONE, "")


def test_wrong_credentials_hold_the_queue_after_one_call_and_a_probe_releases_it(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, settings: Settings
) -> None:
    settings.SFMC_BATCH_SIZE = 1
    for number in range(1001, 1006):
        store.write(make_submission(number))
    sandbox.cue("revoke_credentials", times=None)
    drain()
    assert shown() == [Status.HELD] * 5
    assert set(SubscriberRequest.objects.values_list("status", flat=True)) == {Status.PENDING}
    assert DeliveryAttempt.objects.count() == 1
    store.write(make_submission(1009))
    drain()
    assert shown() == [Status.HELD] * 6
    assert DeliveryAttempt.objects.count() == 1
    assert sweep.sweep() == []
    sandbox.clear()
    due_now()
    assert sweep.sweep() == [PARENT]
    drain()
    assert set(SubscriberRequest.objects.values_list("status", flat=True)) == {Status.DONE}


def test_missing_credentials_hold_and_lose_nothing(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, settings: Settings
) -> None:
    settings.SFMC_CLIENT_SECRET = ""
    gateway.client.cache_clear()
    store.write(make_submission())
    drain()
    assert shown() == [Status.HELD]
    assert "E001" in queue().held_reason


def test_a_request_for_an_unknown_unit_waits_until_the_unit_is_created(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission(mid=CHILD, job=88101))
    drain(CHILD)
    assert shown() == [Status.HELD]
    assert DeliveryAttempt.objects.count() == 0
    assert sweep.sweep() == []
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    assert sweep.sweep() == [CHILD]
    drain(CHILD)
    request.refresh_from_db()
    assert request.status == Status.DONE


def test_the_unit_of_the_token_is_created_automatically(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission())
    drain()
    request.refresh_from_db()
    assert request.status == Status.DONE
    assert BusinessUnit.objects.get().mid == PARENT


def test_the_circuit_opens_after_repeated_unknowns_and_one_success_closes_it(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    sandbox.cue("http_500", times=circuit.CIRCUIT_OPENS_AT)
    for _ in range(circuit.CIRCUIT_OPENS_AT):
        due_now()
        batch = claim(PARENT)
        assert batch
        worker.settle(batch, worker.call(batch))
    assert queue().paused_reason == "circuit open"
    SubscriberRequest.objects.update(next_attempt_at=Now())
    assert claim(PARENT) is None
    due_now()
    drain()
    assert (queue().unknowns_in_a_row, queue().paused_reason) == (0, "")
    assert SubscriberRequest.objects.get().status == Status.DONE


def test_an_expired_lease_is_an_unknown_attempt_and_the_row_is_sent_again(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission())
    batch = claim(PARENT)
    assert batch
    assert sweep.sweep() == []
    SubscriberRequest.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert sweep.sweep() == [PARENT]
    drain()
    worker.settle(batch, worker.call(batch))
    request.refresh_from_db()
    assert (request.status, request.outcome) == (Status.DONE, "posted")
    assert outcomes(request) == ["unknown", "posted"]


def test_a_row_is_claimed_once(unit: BusinessUnit, make_submission: MakeSubmission) -> None:
    store.write(make_submission())
    assert claim(PARENT) is not None
    assert claim(PARENT) is None


def test_a_request_past_its_horizon_is_refused(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission())
    SubscriberRequest.objects.update(give_up_at=Now() - timedelta(seconds=1))
    sweep.sweep()
    request.refresh_from_db()
    assert request.status == Status.REFUSED
    assert request.finished_at


def test_no_call_is_made_inside_a_transaction(unit: BusinessUnit, sandbox: Sandbox) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="invariant 8"):
        gateway.log_unsub_events(PARENT, [(("SubscriberID", "1001"),)])


def test_a_finished_attempt_can_be_neither_changed_nor_deleted(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    drain()
    attempts = DeliveryAttempt.objects.all()
    with pytest.raises(IntegrityError):
        attempts.update(outcome="refused")
    with pytest.raises(IntegrityError):
        attempts.delete()
    assert attempts.get().outcome == "posted"


def test_no_personal_data_reaches_the_log(
    unit: BusinessUnit,
    sandbox: Sandbox,
    make_submission: MakeSubmission,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    store.write(make_submission(777_001_001, words="call me at ada@example.com"))
    store.write(make_submission(999_999))
    drain()
    assert "attempt_settled" in caplog.text
    for secret in ("777001001", "999999", "ada", "call me"):
        assert secret not in caplog.text
