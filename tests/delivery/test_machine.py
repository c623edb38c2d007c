"""Stateful test of outbox and delivery against a model: requests, calls, crashes and sweeps in any
order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.helpers import PARENT, context
from unsub.delivery import sweep, worker
from unsub.delivery.batch import Batch, Row
from unsub.delivery.claim import claim
from unsub.delivery.kinds import unsubscribe
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.infra.digests import unsubscribe_digests
from unsub.models import (
    BusinessUnit,
    Channel,
    DeliveryAttempt,
    Status,
    SubscriberRequest,
)
from unsub.models.statuses import ON_THEIR_WAY
from unsub.outbox import api as outbox
from unsub.outbox.api import Submission
from unsub.sfmc import (
    CallReply,
    CallResult,
    InMaintenanceError,
    Membership,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SubscriberUpdate,
    SystemStatus,
    TransientError,
    UnknownOutcomeError,
)

from .helpers import empty_tables, frozen_before_the_call, pass_time

pytestmark = pytest.mark.django_db(transaction=True)

Before = Callable[[], None]
ERRORS = {
    "maintenance": InMaintenanceError, "rate limit": RateLimitedError, "try later": TransientError,
    "misconfigured": MisconfiguredError, "permanent": PermanentError,
}  # fmt: skip
ANSWERS = ("ok", "lost before", "lost after", "short", "some refused", *ERRORS)


@dataclass
class MarketingCloud:
    """A Marketing Cloud in memory. `answer` is how it responds to the next call."""

    answer: str = "ok"
    calls: list[gateway.Parameters] = field(default_factory=list)
    events: dict[gateway.Parameters, int] = field(default_factory=dict)
    lost: dict[gateway.Parameters, int] = field(default_factory=dict)
    off: set[tuple[str, int]] = field(default_factory=set)

    def log_unsub_events(
        self, mid: int, calls: Sequence[gateway.Parameters], *, before: Before
    ) -> CallReply:
        """Reply as the real one does, or fail as `answer` says."""
        assert mid == PARENT
        assert not connection.in_atomic_block
        before()
        self.calls += calls
        if self.answer in ERRORS:
            raise ERRORS[self.answer]("as asked")
        if self.answer == "lost before":
            raise UnknownOutcomeError("as asked")
        results = [self._result(number, call) for number, call in enumerate(calls)]
        if self.answer == "lost after":
            for call in calls:
                self.lost[call] = self.lost.get(call, 0) + 1
            raise UnknownOutcomeError("as asked")
        if self.answer == "short" and len(results) > 1:
            results.pop()
        return CallReply(overall_status="OK", request_id="r", results=tuple(results))

    def update_subscribers(
        self, mid: int, updates: Sequence[SubscriberUpdate], *, before: Before
    ) -> CallReply:
        """Take one subscriber off a list, or fail as `answer` says."""
        assert mid == PARENT
        assert not connection.in_atomic_block
        before()
        (update,) = updates
        ((change,), status) = update.lists, update.status
        assert (change.status, status) == ("Unsubscribed", None)
        if self.answer in ERRORS:
            raise ERRORS[self.answer]("as asked")
        if self.answer == "lost before":
            raise UnknownOutcomeError("as asked")
        self.off.add((update.subscriber_key, change.list_id))
        if self.answer == "lost after":
            raise UnknownOutcomeError("as asked")
        code = 12010 if self.answer == "some refused" else None
        result = CallResult(status_code="Error" if code else "OK", error_code=code)
        return CallReply(overall_status="OK", request_id="r", results=(result,))

    def memberships_of(self, _mid: int, keys: Sequence[str]) -> dict[str, list[Membership]]:
        """Return which lists each subscriber was taken off."""
        return {
            key: [
                Membership(list_id=number, status="Unsubscribed")
                for who, number in self.off
                if who == key
            ]
            for key in keys
        }

    def _result(self, number: int, call: gateway.Parameters) -> CallResult:
        if self.answer == "some refused" and number % 2:
            return CallResult(status_code="Error", error_code=400)
        if call in self.events:
            return CallResult(status_code="Error", error_code=401)
        self.events[call] = 1
        return CallResult(status_code="OK")


class Journey(RuleBasedStateMachine):
    """Requests arrive, workers call and crash, time passes; the invariants hold after each step."""

    batches = Bundle("batches")

    @initialize()
    def begin(self) -> None:
        """Start with an empty database and one unit."""
        empty_tables()
        BusinessUnit.objects.create(mid=PARENT, name="Example Outfitters")
        self.cloud = CLOUD
        self.cloud.__init__()  # type: ignore[misc]
        self.accepted: set[str] = set()
        self.finished: dict[int, tuple[Any, ...]] = {}

    @rule(
        subscriber=st.integers(1001, 1004),
        job=st.sampled_from([88001, 88002, None]),
        channel=st.sampled_from([Channel.PAGE, Channel.ONE_CLICK]),
    )
    def ask(self, subscriber: int, job: int | None, channel: Channel) -> None:
        """A subscriber unsubscribes, possibly again."""
        submission = Submission(token="t", context=context(subscriber, job), channel=channel)
        request = outbox.submit(submission)
        assert request
        assert request.status != Status.WITHDRAWN
        self.accepted.add(unsubscribe_digests(submission.context)[0])

    @rule(subscriber=st.integers(1001, 1004), job=st.sampled_from([88001, 88002, None]))
    def undo(self, subscriber: int, job: int | None) -> None:
        """A subscriber withdraws the request."""
        link = context(subscriber, job)
        found = outbox.find(link)
        withdrawn = outbox.withdraw(link)
        untried = found is not None and found.attempts == 0
        open_ = found is not None and found.status == Status.PENDING
        assert withdrawn is (untried and open_)

    @rule(target=batches)
    def claim(self) -> Batch[Row] | None:
        """A worker claims what is due."""
        return claim(PARENT)

    @rule(batch=consumes(batches), answer=st.sampled_from(ANSWERS))
    def call_and_settle(self, batch: Batch[Row] | None, answer: str) -> None:
        """The worker calls and settles the results."""
        if batch:
            self.cloud.answer = answer
            worker.settle(batch, worker.call(batch))

    @rule(batch=consumes(batches), answer=st.sampled_from(ANSWERS))
    def wake_up_late(self, batch: Batch[Row] | None, answer: str) -> None:
        """A worker that was frozen past its lease wakes up: it makes no call."""
        if batch:
            pass_time()
            self.cloud.answer = answer
            before = (list(self.cloud.calls), set(self.cloud.off))
            worker.settle(batch, worker.call(batch))
            assert before == (self.cloud.calls, self.cloud.off)

    @rule(batch=consumes(batches), answer=st.sampled_from(ANSWERS), swept=st.booleans())
    def call_too_late(self, batch: Batch[Row] | None, answer: str, swept: bool) -> None:
        """A worker is frozen between its look at the lease and its call, and wakes up."""
        if batch:
            pass_time()
            if swept:
                sweep.sweep()
            self.cloud.answer = answer
            with frozen_before_the_call():
                worker.settle(batch, worker.call(batch))

    @rule(batch=consumes(batches), answer=st.sampled_from(ANSWERS), called=st.booleans())
    def die(self, batch: Batch[Row] | None, answer: str, called: bool) -> None:
        """The worker crashes, before the call or after it."""
        if batch and called:
            self.cloud.answer = answer
            worker.call(batch)

    @rule()
    def time_passes(self) -> None:
        """Hours pass: leases and pauses end, and everything that waits is due."""
        pass_time()

    @rule()
    def sweep(self) -> None:
        """Beat starts a sweep."""
        sweep.sweep()

    @precondition(lambda _: SubscriberRequest.objects.filter(status=Status.REFUSED).exists())
    @rule()
    def try_again(self) -> None:
        """A marketer requeues the refused requests."""
        ids = SubscriberRequest.objects.filter(status=Status.REFUSED).values_list("pk", flat=True)
        outbox.requeue(list(ids))

    @rule()
    def release(self) -> None:
        """An operator releases the unit's queue."""
        outbox.release([PARENT])

    @invariant()
    def every_accepted_request_has_a_row(self) -> None:
        """No accepted request is lost."""
        kept = set(
            SubscriberRequest.objects.exclude(idempotency_key=None).values_list(
                "idempotency_key", flat=True
            )
        )
        assert self.accepted <= kept

    @invariant()
    def attempts_are_counted_and_final(self) -> None:
        """Attempts are append-only, and those of each row are numbered without a gap."""
        for attempt in DeliveryAttempt.objects.all():
            told = (attempt.finished_at, attempt.outcome, attempt.error_code, attempt.detail)
            if attempt.finished_at:
                assert self.finished.setdefault(attempt.pk, told) == told
            assert bool(attempt.late_at) is bool(attempt.late_outcome)
            assert not attempt.late_at or attempt.outcome == "unknown"
        assert len(self.finished) <= DeliveryAttempt.objects.count()
        for row in SubscriberRequest.objects.all():
            numbers = list(row.delivery_attempts.values_list("number", flat=True))
            assert numbers == list(range(1, row.attempts + 1))
            under_way = row.delivery_attempts.filter(finished_at=None).count()
            assert under_way == (row.status == Status.SENDING)
            assert (row.lease is not None) == (row.status == Status.SENDING)

    @invariant()
    def a_withdrawn_request_was_never_sent(self) -> None:
        """A withdrawn request has no attempt."""
        assert not SubscriberRequest.objects.filter(
            status=Status.WITHDRAWN, attempts__gt=0
        ).exists()

    @invariant()
    def no_call_does_more_than_its_request(self) -> None:
        """Each call has exactly the parameters of a row."""
        asked = {unsubscribe._parameters(row, None) for row in SubscriberRequest.objects.all()}
        assert set(self.cloud.calls) <= asked

    @invariant()
    def a_list_is_left_without_an_event_only_after_a_refusal(self) -> None:
        """Each attempt without an event follows a LogUnsubEvent that was refused with 400, and is
        for a list that its request names."""
        for attempt in DeliveryAttempt.objects.filter(call_method="update"):
            row = attempt.request
            assert row
            assert (row.scope, row.list_id) == ("list", 7001)
            earlier = row.delivery_attempts.filter(number__lt=attempt.number)
            assert earlier.filter(call_method="event", error_code=400).exists()

    def teardown(self) -> None:
        """In the end, once Marketing Cloud answers again, all requests are finished."""
        if not hasattr(self, "cloud"):
            return
        self.cloud.answer = "ok"
        for _ in range(30):
            pass_time()
            sweep.sweep()
            worker.drain(PARENT, more=lambda: None)
            if not SubscriberRequest.objects.filter(status__in=ON_THEIR_WAY).exists():
                break
        assert not SubscriberRequest.objects.filter(status__in=ON_THEIR_WAY).exists()
        for row in SubscriberRequest.objects.filter(status=Status.DONE):
            without = (str(row.subscriber_id), row.list_id) in self.cloud.off
            assert without or unsubscribe._parameters(row, None) in self.cloud.events


CLOUD = MarketingCloud()


@contextmanager
def _in_place_of_marketing_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name in ("log_unsub_events", "update_subscribers", "memberships_of"):
            patch.setattr(gateway, name, getattr(CLOUD, name))
        patch.setattr(gateway, "key_of", lambda _mid, who: str(who.subscriber_id))
        patch.setattr(catalogue, "lists", lambda _mid: [])
        patch.setattr(gateway, "system_status", lambda: SystemStatus.OK)
        yield


def test_the_invariants_hold_in_any_order_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    with _in_place_of_marketing_cloud(monkeypatch):
        run_state_machine_as_test(
            Journey,
            settings=settings(
                max_examples=30,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
