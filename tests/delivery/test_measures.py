"""What the metrics count on the way from the wake-up to the event."""

from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue

import pytest
import redis
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from tests.helpers import CHILD, PARENT, MakeSubmission
from unsub.gateway import concurrency
from unsub.models import BusinessUnit, MessageType, MessageTypeState, QueueState, SubscriberRequest
from unsub.outbox import store, wakeup
from unsub.sandbox import Sandbox
from unsub.units.queue_state import CIRCUIT_OPEN

from .helpers import drain, due_now

pytestmark = pytest.mark.django_db(transaction=True)

Grown = Callable[..., float]


@pytest.fixture
def grown() -> Grown:
    """By how much a sample has grown since the test began."""
    before = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }

    def by(name: str, **labels: str) -> float:
        now = REGISTRY.get_sample_value(name, labels) or 0.0
        return now - before.get((name, *sorted(labels.items())), 0.0)

    return by


def test_a_delivery_is_counted_from_the_claim_to_the_event(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, grown: Grown
) -> None:
    for subscriber in (1001, 1002, 1003):
        store.write(make_submission(subscriber))
    drain()
    assert SubscriberRequest.objects.filter(status="done").count() == 3
    assert grown("unsub_claim_seconds_count") == 2  # the second one finds nothing
    assert grown("unsub_settle_seconds_count") == 1
    assert grown("unsub_batch_rows_sum", message_type="execute") == 3
    assert grown("unsub_batch_rows_count", message_type="execute") == 1
    assert grown("unsub_attempts_total", message_type="execute", outcome="posted") == 3
    assert grown("unsub_receipt_to_event_seconds_count", kind="unsubscribe") == 3
    assert grown("unsub_soap_seconds_count", operation="Execute") == 1
    assert grown("unsub_soap_calls_total", operation="Execute", result="answered") == 1


def test_a_request_that_is_not_done_has_no_time_to_its_event(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, grown: Grown
) -> None:
    sandbox.cue("fault_13")
    store.write(make_submission())
    drain()
    assert grown("unsub_receipt_to_event_seconds_count", kind="unsubscribe") == 0
    assert grown("unsub_soap_seconds_count", operation="Execute") == 1
    assert grown("unsub_soap_calls_total", operation="Execute", result="answered") == 0
    assert grown("unsub_soap_calls_total", operation="Execute", result="transient") == 1
    due_now()
    drain()
    assert grown("unsub_receipt_to_event_seconds_count", kind="unsubscribe") == 1


def test_what_becomes_of_each_wake_up_is_counted(
    grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "GATHERED_FOR", 60.0)
    monkeypatch.setattr(wakeup, "_next_at", {})
    monkeypatch.setattr(wakeup, "_waiting", set())
    # No thread sends the gathered one: it would sleep for a minute, and then send it in the middle
    # of another test.
    monkeypatch.setattr(wakeup, "_gathered", SimpleQueue())
    monkeypatch.setattr(wakeup, "_has_sender", lambda: True)
    wakeup.wake(CHILD)
    wakeup.wake(CHILD)
    assert [grown("unsub_wakeups_total", result=one) for one in ("sent", "gathered")] == [1, 1]
    # As in another process.
    wakeup._next_at.clear()
    wakeup._waiting.clear()
    wakeup.wake(CHILD)
    assert grown("unsub_wakeups_total", result="already_set") == 1
    monkeypatch.setattr(wakeup, "_client", redis.Redis(port=1, socket_connect_timeout=0.2))
    wakeup.wake(PARENT)
    assert grown("unsub_wakeups_total", result="failed") == 1
    assert grown("unsub_wakeups_total", result="sent") == 1


def test_a_renewed_and_a_refused_token_are_counted(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, grown: Grown
) -> None:
    sandbox.cue("token_500")
    store.write(make_submission())
    drain()
    assert grown("unsub_token_renewals_total", result="failed") == 1
    due_now()
    drain()
    assert grown("unsub_token_renewals_total", result="renewed") == 1


def test_open_circuits_and_slots_in_use_are_gauges(client: Client, unit: BusinessUnit) -> None:
    text = client.get("/metrics").content.decode()
    assert "unsub_circuit_open{" not in text
    assert 'unsub_call_slots_in_use{caller="workers"} 0.0' in text
    later = timezone.now() + timedelta(minutes=1)
    QueueState.objects.create(unit=unit, paused_reason=CIRCUIT_OPEN, paused_until=later)
    MessageTypeState.objects.create(unit=unit, message_type=MessageType.MAILS, paused_until=later)
    with concurrency.call_slot(), concurrency.call_slot(concurrency.Caller.PAGES):
        text = client.get("/metrics").content.decode()
    for line in (
        'unsub_circuit_open{message_type="all",mid="510001"} 1.0',
        'unsub_circuit_open{message_type="triggered_send",mid="510001"} 1.0',
        'unsub_call_slots_in_use{caller="workers"} 1.0',
        'unsub_call_slots_in_use{caller="pages"} 1.0',
    ):
        assert line in text
