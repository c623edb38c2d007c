"""Circuit breaker of a unit: one worker probes, the others wait, and the system status is checked
before a row is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.db.models.functions import Now

from tests.helpers import PARENT, MakeSubmission, queue
from unsub.delivery import circuit
from unsub.delivery.claim import claim
from unsub.infra import database_timeout
from unsub.models import BusinessUnit, QueueState, Status, SubscriberRequest
from unsub.outbox import store
from unsub.sandbox import Sandbox

from .helpers import drain, due_now

pytestmark = pytest.mark.django_db(transaction=True)


def open_circuit(reason: str) -> None:
    """Open the unit's circuit, with its pause over: the next probe is due."""
    QueueState.objects.create(
        unit_id=PARENT, paused_until=Now() - timedelta(seconds=1), paused_reason=reason,
        unknowns_in_a_row=5,
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["maintenance", "circuit open"])
def test_the_system_status_is_checked_before_a_row_is_sent(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, reason: str
) -> None:
    request, _ = store.write(make_submission())
    open_circuit(reason)
    sandbox.cue("fault_9", times=1)
    drain()
    request.refresh_from_db()
    assert request.attempts == 0
    assert queue().paused_reason == "maintenance"
    sandbox.clear()
    due_now()
    drain()
    request.refresh_from_db()
    assert (request.status, request.attempts) == (Status.DONE, 1)
    state = queue()
    assert (state.paused_reason, state.paused_until, state.unknowns_in_a_row) == ("", None, 0)


def test_only_one_worker_acquires_the_probe(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    open_circuit("circuit open")

    def probe(_: int) -> str | None:
        try:
            return circuit.acquire_probe(PARENT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        chosen = [reason for reason in pool.map(probe, range(8)) if reason]
    assert chosen == ["circuit open"]
    assert claim(PARENT) is None


def test_a_probe_claims_one_row_however_many_wait(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    for number in range(1001, 1006):
        store.write(make_submission(number))
    open_circuit("circuit open")
    assert circuit.acquire_probe(PARENT)
    batch = claim(PARENT, probing=True)
    assert batch
    assert len(batch.rows) == 1


def test_an_open_circuit_closes_when_there_is_nothing_to_send(
    unit: BusinessUnit, sandbox: Sandbox
) -> None:
    open_circuit("circuit open")
    drain()
    assert queue().paused_until is None


def test_an_outage_with_refused_connections_opens_the_circuit(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    for number in range(1001, 1003):
        store.write(make_submission(number))
    sandbox.close()
    for _ in range(circuit.CIRCUIT_OPENS_AT):
        due_now()
        drain()
    assert queue().paused_reason == "circuit open"


def test_a_failure_with_a_reply_does_not_open_the_circuit(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    sandbox.cue("fault_13", times=1)
    store.write(make_submission())
    drain()
    store.write(make_submission(999_999))
    due_now()
    drain()
    assert queue().unknowns_in_a_row == 0


@pytest.mark.usefixtures("database_away")
def test_an_unavailable_database_is_not_queried_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_timeout, "RETRY_AFTER", 60.0)
    with pytest.raises(OperationalError), database_timeout.fail_fast():
        SubscriberRequest.objects.count()
    with pytest.raises(database_timeout.DatabaseUnavailableError), database_timeout.fail_fast():
        pytest.fail("it was asked again")
    database_timeout.reset()
    with pytest.raises(OperationalError), database_timeout.fail_fast():
        SubscriberRequest.objects.count()
