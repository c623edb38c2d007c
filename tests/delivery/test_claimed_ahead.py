"""While all calls are under way, the next message is claimed, and sent when one has ended."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest
from django.db import connections
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission
from unsub.delivery import worker
from unsub.gateway import concurrency
from unsub.models import DeliveryAttempt, Status, SubscriberRequest
from unsub.outbox import store
from unsub.sandbox import Sandbox
from unsub.units import queue_state

from .helpers import no_more

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def one_slot(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow one call at a time, and one claim meanwhile."""
    settings.SFMC_CONCURRENCY, settings.SFMC_PAGE_CONCURRENCY = 2, 1
    monkeypatch.setattr(worker, "SLOTS_FOR_ONE_AHEAD", 1)
    monkeypatch.setattr(worker, "NO_SLOT_SECONDS", 0.05)
    # A thread goes on for as long as it has something to do.
    monkeypatch.setattr(worker, "DRAIN_SECONDS", PATIENCE)


@contextmanager
def draining(is_stopping: Callable[[], bool] = lambda: False) -> Iterator[Future[float | None]]:
    """Yield the result to come of another thread of the worker, which has claimed a batch."""

    def drain() -> float | None:
        try:
            return worker.drain(PARENT, more=no_more, is_stopping=is_stopping)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(drain)
        wait_until(lambda: SubscriberRequest.objects.filter(status=Status.SENDING).exists())
        yield result


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after PATIENCE."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never was so"
        time.sleep(0.01)


@pytest.fixture
def call() -> Iterator[ExitStack]:
    """A call by another thread of this process, which uses the only slot until it is closed."""
    with ExitStack() as stack:
        assert stack.enter_context(concurrency.call_slot())
        yield stack


def details() -> list[str]:
    """Return what the attempts say."""
    return list(DeliveryAttempt.objects.order_by("pk").values_list("detail", flat=True))


def is_due() -> bool:
    """Return whether the only request is pending, due now and without a lease."""
    due = SubscriberRequest.objects.filter(status=Status.PENDING, next_attempt_at__lte=Now())
    return due.filter(lease=None).exists()


def test_what_was_claimed_during_a_call_is_sent_when_that_has_ended(
    sandbox: Sandbox, make_submission: MakeSubmission, call: ExitStack
) -> None:
    store.write(make_submission(1001))
    with draining() as result:
        assert sandbox.events() == []
        call.close()
        assert result.result(PATIENCE) is None
    assert SubscriberRequest.objects.get().status == Status.DONE
    assert len(sandbox.events()) == 1


def test_a_worker_that_is_to_stop_gives_back_what_it_has_claimed_ahead(
    sandbox: Sandbox, make_submission: MakeSubmission, call: ExitStack
) -> None:
    store.write(make_submission(1001))
    told = Event()
    with draining(told.is_set) as result:
        told.set()
        assert result.result(PATIENCE) == 0.0
    assert is_due()
    assert (details(), sandbox.events()) == (["the worker stopped"], [])


def test_nothing_is_sent_of_a_queue_that_was_held_after_the_claim(
    sandbox: Sandbox, make_submission: MakeSubmission, call: ExitStack
) -> None:
    store.write(make_submission(1001))
    with draining() as result:
        queue_state.hold(PARENT, "a missing right")
        call.close()
        assert result.result(PATIENCE) is None
    assert is_due()
    assert (details(), sandbox.events()) == (["the queue was stopped"], [])


def test_what_was_claimed_ahead_is_given_back_where_others_have_got_all_calls(
    sandbox: Sandbox, make_submission: MakeSubmission, call: ExitStack
) -> None:
    store.write(make_submission(1001))
    with draining() as result:
        # The slot of this process is now another worker's.
        concurrency._held[concurrency.Caller.WORKERS] -= 1
        assert result.result(PATIENCE) == worker.NO_SLOT_SECONDS
        concurrency._held[concurrency.Caller.WORKERS] += 1
    assert is_due()
    assert (details(), sandbox.events()) == (["no call was free"], [])


def test_a_process_with_few_slots_claims_nothing_ahead(
    make_submission: MakeSubmission, call: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SLOTS_FOR_ONE_AHEAD", 2)
    store.write(make_submission(1001))
    assert worker.drain(PARENT, more=no_more) == worker.NO_SLOT_SECONDS
    assert SubscriberRequest.objects.get().attempts == 0
