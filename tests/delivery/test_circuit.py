"""A unit in trouble: one knocks, the others wait, and the system is asked before a row is sent."""

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

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def trouble(reason: str) -> None:
    """Put the unit to a rest that is over now."""
    QueueState.objects.create(
        unit_id=PARENT, paused_until=Now() - timedelta(seconds=1), paused_reason=reason,
        unknowns_in_a_row=5,
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["maintenance", "circuit open"])
def test_the_system_is_asked_before_a_row_is_risked(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, reason: str
) -> None:
    request, _ = store.write(make_submission())
    trouble(reason)
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


def test_only_one_worker_knocks(unit: BusinessUnit, make_submission: MakeSubmission) -> None:
    store.write(make_submission())
    trouble("circuit open")

    def knock(_: int) -> str | None:
        try:
            return circuit.acquire_probe(PARENT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        chosen = [reason for reason in pool.map(knock, range(8)) if reason]
    assert chosen == ["circuit open"]
    assert claim(PARENT) is None


def test_a_probe_takes_one_row_however_many_wait(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    for number in range(1001, 1006):
        store.write(make_submission(number))
    trouble("circuit open")
    assert circuit.acquire_probe(PARENT)
    batch = claim(PARENT, probing=True)
    assert batch
    assert len(batch.rows) == 1


def test_a_rest_with_nothing_to_send_ends(unit: BusinessUnit, sandbox: Sandbox) -> None:
    trouble("circuit open")
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


def test_a_failure_with_an_answer_opens_no_circuit(
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
def test_a_database_that_is_away_is_not_asked_again_at_once() -> None:
    with pytest.raises(OperationalError), database_timeout.fail_fast():
        SubscriberRequest.objects.count()
    with pytest.raises(database_timeout.DatabaseUnavailableError), database_timeout.fail_fast():
        pytest.fail("it was asked again")
    database_timeout.reset()
    with pytest.raises(OperationalError), database_timeout.fail_fast():
        SubscriberRequest.objects.count()
