"""Two workers who look at one person in the same moment, on rows that can be locked: PostgreSQL's.
SQLite has one writer at a time, so these are not collected there (conftest)."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now

from tests.helpers import PARENT
from tests.outbox.helpers import join, leave, leave_everything, leave_job, status_of, taken
from unsub.delivery import claim as claiming
from unsub.delivery import worker as delivery_worker
from unsub.delivery.claim import claim
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import Kind, Status, SubscriberRequest
from unsub.outbox import precedence

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("unit"),
]
DONE = Verdict(outcome=Outcome.POSTED, status_code="OK")


@contextmanager
def _held_back(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> Iterator[tuple["Future[Any]", Event]]:
    """Have a worker on a connection of its own stop before it commits what it claims; it goes on
    once the event is set."""
    there, go_on = Event(), Event()
    write = claiming._write_attempts

    def wait(*args: Any) -> None:
        there.set()
        assert go_on.wait(10)
        write(*args)

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    monkeypatch.setattr(claiming, "_write_attempts", wait)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        assert there.wait(10)
        monkeypatch.setattr(claiming, "_write_attempts", write)
        try:
            yield future, go_on
        finally:
            go_on.set()


@pytest.mark.parametrize("going", [leave, leave_everything, leave_job])
def test_a_join_does_not_overtake_a_leave_that_is_just_being_taken(
    monkeypatch: pytest.MonkeyPatch, going: Callable[[], SubscriberRequest]
) -> None:
    left = going()
    with _held_back(monkeypatch, lambda: claim(PARENT)) as (first, go_on):
        joined = join()
        assert claim(PARENT) is None
        assert status_of(joined) == Status.PENDING
        go_on.set()
        batch = first.result(10)
    assert taken(batch) == [left.pk]
    assert claim(PARENT) is None
    delivery_worker.settle(batch, (DONE,))
    assert taken(claim(PARENT)) == [joined.pk]


@pytest.mark.parametrize("going", [leave, leave_everything, leave_job])
def test_a_leave_does_not_overtake_a_join_that_is_just_being_taken(
    monkeypatch: pytest.MonkeyPatch, going: Callable[[], SubscriberRequest]
) -> None:
    joined = join()
    with _held_back(monkeypatch, lambda: claim(PARENT)) as (first, go_on):
        left = going()
        assert claim(PARENT) is None
        go_on.set()
        batch = first.result(10)
    assert taken(batch) == [joined.pk]
    assert claim(PARENT) is None
    delivery_worker.settle(batch, (DONE,))
    assert taken(claim(PARENT)) == [left.pk]


def test_two_who_look_at_one_person_never_wait_for_each_other() -> None:
    left, joined = leave(), join()
    meet, locked = Barrier(2, timeout=10), Event()

    def other() -> None:
        try:
            with transaction.atomic():
                meet.wait()
                due = SubscriberRequest.objects.filter(kind=Kind.SUBSCRIBE)
                # The leave is in another's hands, so this one is not to go; but it is locked.
                assert claiming._lock_claimable(due, 20) == []
                locked.set()
                meet.wait()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(other)
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL lock_timeout = '1s'")
            rows = SubscriberRequest.objects.filter(pk=left.pk)
            assert list(precedence.lock_skipping(rows)) == [left]
            meet.wait()
            assert locked.wait(10)
            assert precedence.claimable([left.pk]) == []
        # It is committed, which is when the database looks whether `superseded_by` is there.
        meet.wait()
        future.result(10)
    assert (status_of(left), left.superseded_by) == (Status.SUPERSEDED, joined)


def test_whatever_two_workers_do_at_once_a_leave_and_a_join_are_never_under_way_together() -> None:
    """Without any staging: two workers, again and again, from the same moment on."""
    for person in range(1001, 1021):
        going = (leave, leave_everything, leave_job)[person % 3]
        meet = Barrier(3, timeout=10)

        def work(meet: Barrier = meet) -> list[int]:
            try:
                meet.wait()
                return taken(claim(PARENT))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            workers = [pool.submit(work) for _ in range(2)]
            if person % 2:
                left, joined = going(person), join(person)
                meet.wait()
            else:
                left = going(person)
                meet.wait()
                joined = join(person)
            got = [worker.result(10) for worker in workers]
        under_way = SubscriberRequest.objects.filter(
            pk__in=[left.pk, joined.pk], status=Status.SENDING
        )
        assert under_way.count() <= 1, got
        if joined in under_way:
            assert status_of(left) in (Status.PENDING, Status.SUPERSEDED)
            assert left.target == joined.target
        SubscriberRequest.objects.update(
            status=Status.DONE,
            lease=None,
            lease_until=None,
            finished_at=Now(),
            idempotency_key=None,
        )


def test_the_wishes_of_one_person_are_found_by_their_index() -> None:
    for person in range(1001, 1061):
        (leave if person % 2 else join)(person)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE unsub_subscriberrequest")
        # Few rows are read from end to end; a million are not.
        cursor.execute("SET enable_seqscan = off")
        joins = precedence.ready(SubscriberRequest.objects.filter(kind=Kind.SUBSCRIBE))
        plan = joins.order_by().explain()
        cursor.execute("RESET enable_seqscan")
    assert "request_subscriber_digest" in plan, plan
