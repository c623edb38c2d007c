"""Two workers claim requests of one subscriber at the same time, with PostgreSQL's row locks.
SQLite has one writer at a time, so these tests are not collected there (conftest)."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now

from tests.helpers import PARENT, rewrite
from tests.outbox.helpers import (
    claimed_ids,
    status_of,
    subscribe,
    unsubscribe,
    unsubscribe_by_job,
    unsubscribe_from_everything,
)
from unsub.delivery import claim as claiming
from unsub.delivery import worker as delivery_worker
from unsub.delivery.claim import claim
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import Kind, Status, SubscriberRequest
from unsub.outbox import precedence

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unit"),
]
DONE = Verdict(outcome=Outcome.POSTED, status_code="OK")
PATIENCE = 60.0  # seconds


@contextmanager
def _paused_before_commit(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> Iterator[tuple["Future[Any]", Event]]:
    """Run `work` on a connection of its own and stop it before its claim commits; it continues
    once the event is set."""
    reached, go_on = Event(), Event()
    write = claiming._write_attempts

    def wait(*args: Any) -> None:
        reached.set()
        assert go_on.wait(PATIENCE)
        write(*args)

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    monkeypatch.setattr(claiming, "_write_attempts", wait)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        assert reached.wait(PATIENCE)
        monkeypatch.setattr(claiming, "_write_attempts", write)
        try:
            yield future, go_on
        finally:
            go_on.set()


@pytest.mark.parametrize(
    "unsubscribe_by", [unsubscribe, unsubscribe_from_everything, unsubscribe_by_job]
)
def test_a_subscription_does_not_overtake_an_unsubscribe_that_is_being_claimed(
    monkeypatch: pytest.MonkeyPatch, unsubscribe_by: Callable[[], SubscriberRequest]
) -> None:
    unsubscription = unsubscribe_by()
    with _paused_before_commit(monkeypatch, lambda: claim(PARENT)) as (first, go_on):
        subscription = subscribe()
        assert claim(PARENT) is None
        assert status_of(subscription) == Status.PENDING
        go_on.set()
        batch = first.result(PATIENCE)
    assert claimed_ids(batch) == [unsubscription.pk]
    assert claim(PARENT) is None
    delivery_worker.settle(batch, (DONE,))
    assert claimed_ids(claim(PARENT)) == [subscription.pk]


@pytest.mark.parametrize(
    "unsubscribe_by", [unsubscribe, unsubscribe_from_everything, unsubscribe_by_job]
)
def test_an_unsubscribe_does_not_overtake_a_subscription_that_is_being_claimed(
    monkeypatch: pytest.MonkeyPatch, unsubscribe_by: Callable[[], SubscriberRequest]
) -> None:
    subscription = subscribe()
    with _paused_before_commit(monkeypatch, lambda: claim(PARENT)) as (first, go_on):
        unsubscription = unsubscribe_by()
        assert claim(PARENT) is None
        go_on.set()
        batch = first.result(PATIENCE)
    assert claimed_ids(batch) == [subscription.pk]
    assert claim(PARENT) is None
    delivery_worker.settle(batch, (DONE,))
    assert claimed_ids(claim(PARENT)) == [unsubscription.pk]


def test_two_claims_of_one_subscriber_do_not_wait_for_each_other() -> None:
    unsubscription, subscription = unsubscribe(), subscribe()
    barrier, locked = Barrier(2, timeout=PATIENCE), Event()

    def other() -> None:
        try:
            with transaction.atomic():
                barrier.wait()
                due = SubscriberRequest.objects.filter(kind=Kind.SUBSCRIBE)
                # Not claimed, because another transaction has locked the unsubscribe; but locked.
                assert claiming._lock_claimable(due, 20, precedence.claimable) == []
                locked.set()
                barrier.wait()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(other)
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL lock_timeout = '1s'")
            rows = SubscriberRequest.objects.filter(pk=unsubscription.pk)
            assert list(precedence.lock_skipping(rows)) == [unsubscription]
            barrier.wait()
            assert locked.wait(PATIENCE)
            assert precedence.claimable([unsubscription.pk]) == []
        # Committed: only now does the database check the foreign key `superseded_by`.
        barrier.wait()
        future.result(PATIENCE)
    assert (status_of(unsubscription), unsubscription.superseded_by) == (
        Status.SUPERSEDED,
        subscription,
    )


def test_two_workers_never_send_an_unsubscribe_and_a_subscription_at_the_same_time() -> None:
    """Without staging: two workers that start at the same moment, many times."""
    for person in range(1001, 1021):
        unsubscribe_by = (unsubscribe, unsubscribe_from_everything, unsubscribe_by_job)[person % 3]
        barrier = Barrier(3, timeout=PATIENCE)

        def work(barrier: Barrier = barrier) -> list[int]:
            try:
                barrier.wait()
                return claimed_ids(claim(PARENT))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            workers = [pool.submit(work) for _ in range(2)]
            if person % 2:
                unsubscription, subscription = unsubscribe_by(person), subscribe(person)
                barrier.wait()
            else:
                unsubscription = unsubscribe_by(person)
                barrier.wait()
                subscription = subscribe(person)
            got = [worker.result(PATIENCE) for worker in workers]
        under_way = SubscriberRequest.objects.filter(
            pk__in=[unsubscription.pk, subscription.pk], status=Status.SENDING
        )
        assert under_way.count() <= 1, got
        if subscription in under_way:
            assert status_of(unsubscription) in (Status.PENDING, Status.SUPERSEDED)
            assert unsubscription.target == subscription.target
        rewrite(
            SubscriberRequest.objects.all(),
            status=Status.DONE, outcome="posted", attempts=1, finished_at=Now(),
            lease=None, lease_until=None, superseded_by=None, idempotency_key=None,
        )  # fmt: skip


def test_the_requests_of_one_subscriber_are_found_by_an_index() -> None:
    for person in range(1001, 1061):
        (unsubscribe if person % 2 else subscribe)(person)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE unsub_subscriberrequest")
        # With few rows the planner prefers a sequential scan; with a million it does not.
        cursor.execute("SET enable_seqscan = off")
        subscriptions = precedence.ready(SubscriberRequest.objects.filter(kind=Kind.SUBSCRIBE))
        plan = subscriptions.order_by().explain()
        cursor.execute("RESET enable_seqscan")
    assert "request_subscriber_digest" in plan, plan
