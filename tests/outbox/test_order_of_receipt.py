"""Of two requests with the same target the one received later counts, spooled or not, whatever the
clocks of the web servers and of the broker say."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db.models.functions import Now
from django.utils import timezone

from tests.helpers import MakeSubmission
from tests.web.helpers import deliver
from unsub import tasks
from unsub.domain.context import JobContext, Scope
from unsub.infra import spool_queue
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import (
    BusinessUnit,
    Channel,
    Kind,
    LinkEmail,
    Pause,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import receipt, spool, store
from unsub.outbox.api import Change, Submission
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
PUSH = spool_queue._PUSH


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> None:
    """The parent unit, which offers the profile centre."""
    cache.clear()
    BusinessUnit.objects.update(profile_centre=True)


@pytest.fixture(autouse=True)
def measured_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clocks be in doubt by far less than `then` waits, also on a busy machine."""
    monkeypatch.setattr(receipt, "_TRIES", 30)


@pytest.fixture(params=[(0, 0), (600, -600), (-600, 600), (600, 600)])
def clocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clocks of the web server and of the broker, ahead of the database's by some seconds."""
    web_ahead, ahead = request.param

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=web_ahead)

    for module in (spool, store, timezone):
        monkeypatch.setattr(module, "datetime", Clock, raising=False)
    with broker_ahead(monkeypatch, ahead):
        yield


class Broker(redis.Redis):
    """The broker, with its clock ahead by some seconds."""

    ahead = 0

    def time(self, **_: Any) -> tuple[int, int]:
        """Return the time by its clock."""
        seconds, microseconds = super().time()
        return int(seconds) + self.ahead, int(microseconds)


def broker_ahead(monkeypatch: pytest.MonkeyPatch, seconds: int) -> Broker:
    """Set the broker's clock ahead of the database's, which both are this machine's."""
    broker = Broker(connection_pool=redis.ConnectionPool.from_url(settings.REDIS_URL))
    broker.ahead = seconds
    script = PUSH.replace("tonumber(time[1])", f"(tonumber(time[1]) + {seconds})")
    assert script != PUSH
    monkeypatch.setattr(spool_queue, "_PUSH", script)
    monkeypatch.setattr(spool, "_queue", SpoolQueue(broker))
    return broker


def then() -> None:
    """Let more time pass than the clocks are in doubt."""
    time.sleep(0.1)


def leave(make_submission: MakeSubmission, **changes: Any) -> Submission:
    """Return an unsubscribe from a list in the profile centre."""
    submission = make_submission(channel=Channel.PROFILE)
    return replace(submission, context=submission.context.for_list(7004), **changes)


def rename(make_submission: MakeSubmission, value: str) -> Submission:
    """Return a request to change the first name."""
    change = Change(kind=Kind.ATTRIBUTE, name="First Name", value=value)
    return replace(make_submission(channel=Channel.PROFILE), change=change)


def everything(make_submission: MakeSubmission, kind: Kind | None = None) -> Submission:
    """Return a request to unsubscribe from everything, or to resubscribe."""
    change = Change(kind=kind) if kind else None
    return replace(make_submission(channel=Channel.PROFILE, scope=Scope.ALL), change=change)


def subscription(make_submission: MakeSubmission, list_id: int) -> Submission:
    """Return a request to subscribe to a list."""
    submission = make_submission(channel=Channel.PROFILE)
    change = Change(kind=Kind.SUBSCRIBE, consent_text="You get mail.")
    return replace(submission, context=submission.context.for_list(list_id), change=change)


def statuses() -> list[tuple[str, str]]:
    """Return kind and status of each row, in the order in which they were received."""
    return list(
        SubscriberRequest.objects.order_by("received_at", "pk").values_list("kind", "status")
    )


def test_a_spooled_request_that_is_stored_late_does_not_undo_a_later_one_already_sent(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(rename(make_submission, "Adele"))  # while the database was away
    then()
    outbox.submit(rename(make_submission, "Ada-Maria"))  # it is back; the spool is not drained yet
    deliver()
    tasks.record()
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada-Maria"
    assert statuses() == [("attribute", "superseded"), ("attribute", "done")]


def test_a_spooled_request_that_is_stored_late_is_not_sent_with_a_later_one(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(rename(make_submission, "Adele"))
    then()
    outbox.submit(rename(make_submission, "Ada-Maria"))
    tasks.record()
    # The page shows pending requests in the order of receipt: the last one counts.
    recent = outbox.recent(make_submission().context, since=HOUR)
    assert [request.value for request in recent] == ["Adele", "Ada-Maria"]
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada-Maria"


def test_a_subscription_after_a_spooled_unsubscribe_from_everything_is_sent(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(everything(make_submission))
    then()
    outbox.submit(subscription(make_submission, 7004))
    tasks.record()
    deliver()
    deliver()
    assert statuses() == [("unsubscribe", "done"), ("subscribe", "done")]


def test_a_spooled_copy_of_a_stored_request_is_no_new_request_whatever_was_requested_since(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    submission = subscription(make_submission, 7002)
    outbox.submit(submission)
    spool.push(submission)  # the database stored it, but its reply came too late
    then()
    outbox.submit(make_submission(channel=Channel.PROFILE, job=JobContext(list_id=7002)))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "superseded"), ("unsubscribe", "done")]


def test_a_spooled_request_keeps_its_time_of_receipt(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    submission = rename(make_submission, "Adele")
    outbox.submit(replace(submission, received_at=timezone.now() - HOUR))
    deliver()
    # It is stored only after the period in which a repetition is the same request.
    spooled = replace(submission, received_at=timezone.now() - HOUR + timedelta(seconds=2))
    assert store.write(spooled)[1] is False


def test_resubscribing_does_not_subscribe_to_a_list_unsubscribed_from_before(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    unsubscription = outbox.submit(make_submission(channel=Channel.PROFILE))
    assert unsubscription
    # It has to be retried, and meanwhile the subscriber unsubscribes from everything.
    later = Now() + HOUR
    SubscriberRequest.objects.filter(pk=unsubscription.pk).update(next_attempt_at=later)
    outbox.submit(everything(make_submission))
    deliver()
    SubscriberRequest.objects.filter(pk=unsubscription.pk).update(next_attempt_at=Now())
    deliver()
    outbox.submit(everything(make_submission, Kind.RESUBSCRIBE))
    deliver()
    person = sandbox.person(1001)
    assert person["status"] == "Active"
    lists = {str(key): status for key, status in person["lists"].items()}
    assert (lists["7001"], lists["7002"]) == ("Unsubscribed", "Active")


def test_a_spooled_subscription_needs_the_confirmation_that_the_unit_requires(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    spool.push(subscription(make_submission, 7004))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "waiting")]
    assert LinkEmail.objects.get().status == "done"
    assert len(sandbox.mails()) == 1
    assert "7004" not in {str(number) for number in sandbox.person(1001)["lists"]}


@pytest.mark.usefixtures("clocks")
def test_an_unsubscribe_after_a_spooled_subscription_counts_whatever_the_clocks_say(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(subscription(make_submission, 7004))
    then()
    outbox.submit(leave(make_submission))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "superseded"), ("unsubscribe", "done")]


@pytest.mark.usefixtures("clocks")
def test_a_spooled_unsubscribe_after_a_subscription_counts_whatever_the_clocks_say(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    outbox.submit(subscription(make_submission, 7004))
    then()
    spool.push(leave(make_submission))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "superseded"), ("unsubscribe", "done")]


@pytest.mark.usefixtures("clocks")
def test_a_spooled_subscription_after_an_unsubscribe_counts_whatever_the_clocks_say(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    outbox.submit(leave(make_submission))
    then()
    spool.push(subscription(make_submission, 7004))
    tasks.record()
    deliver()
    assert statuses() == [("unsubscribe", "superseded"), ("subscribe", "done")]


@pytest.mark.parametrize(
    ("spooled", "is_first", "seconds", "joins"),
    [
        ("subscribe", True, 600, False),
        ("subscribe", True, -600, False),
        ("subscribe", False, 600, False),
        # Its time by either clock is later.
        ("subscribe", False, -600, True),
        ("unsubscribe", True, -600, False),
        # Its time by either clock is earlier.
        ("unsubscribe", True, 600, True),
        ("unsubscribe", False, 600, False),
        ("unsubscribe", False, -600, False),
    ],
)
def test_where_a_clock_was_set_meanwhile_the_unsubscribe_counts_in_doubt(
    make_submission: MakeSubmission,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    spooled: str,
    is_first: bool,
    seconds: int,
    joins: bool,
) -> None:
    """The broker's clock was set by ten minutes while something was spooled."""
    joining, leaving = subscription(make_submission, 7004), leave(make_submission)
    to_spool, direct = (joining, leaving) if spooled == "subscribe" else (leaving, joining)
    tasks.record()
    if is_first:
        spool.push(to_spool)
        then()
    outbox.submit(direct)
    if not is_first:
        then()
        spool.push(to_spool)
    broker_ahead(monkeypatch, seconds)
    tasks.record()
    deliver()
    lost = "unsubscribe" if joins else "subscribe"
    assert {kind for kind, status in statuses() if status == "superseded"} == {lost}


@pytest.mark.parametrize("joins_last", [True, False])
def test_two_spooled_requests_are_in_the_order_of_the_spool_even_where_a_clock_was_set(
    make_submission: MakeSubmission,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    joins_last: bool,
) -> None:
    tasks.record()
    both = [leave(make_submission), subscription(make_submission, 7004)]
    first, last = both if joins_last else both[::-1]
    spool.push(first)
    broker_ahead(monkeypatch, -600)
    spool.push(last)
    tasks.record()
    deliver()
    assert [status for _, status in statuses()] == ["superseded", "done"]
    assert statuses()[1][0] == ("subscribe" if joins_last else "unsubscribe")


def test_a_time_of_receipt_is_never_in_the_future(
    make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker_ahead(monkeypatch, 600)
    spool.push(leave(make_submission))
    broker_ahead(monkeypatch, 0)
    tasks.record()
    assert SubscriberRequest.objects.filter(received_at__lte=Now()).exists()


def test_a_request_repeated_after_a_spooled_contrary_one_counts(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    """The page cannot know the spooled one: it takes the last request for a repetition."""
    outbox.submit(subscription(make_submission, 7004))
    then()
    spool.push(leave(make_submission))
    then()
    outbox.submit(subscription(make_submission, 7004))
    tasks.record()
    deliver()
    deliver()
    assert sorted(statuses()) == [("subscribe", "done"), ("unsubscribe", "superseded")]


@pytest.fixture
def pausing(unit: BusinessUnit) -> None:
    """A unit that offers pauses, at the end of which it subscribes again."""
    BusinessUnit.objects.update(pause_offered=True, pause_end_action="put_back")


def ends_of_pauses() -> list[str]:
    """End all pauses; return the kinds of the requests that this made."""
    before = set(SubscriberRequest.objects.values_list("pk", flat=True))
    Pause.objects.filter(ended_at=None).update(until=Now())
    tasks.end_pauses()
    return list(SubscriberRequest.objects.exclude(pk__in=before).values_list("kind", flat=True))


@pytest.mark.usefixtures("clocks", "pausing")
@pytest.mark.parametrize("repeats", [0, 1])
def test_a_spooled_pause_does_not_change_a_later_unsubscribe_for_good(
    make_submission: MakeSubmission, repeats: int
) -> None:
    if repeats:
        outbox.submit(leave(make_submission))
        then()
    spool.push(leave(make_submission, pause_days=30))
    then()
    outbox.submit(leave(make_submission))
    tasks.record()
    assert not outbox.running_pauses(make_submission().context)
    assert ends_of_pauses() == []


@pytest.mark.usefixtures("clocks", "pausing")
@pytest.mark.parametrize("repeats", [0, 1])
def test_a_spooled_unsubscribe_for_good_does_not_end_a_later_pause(
    make_submission: MakeSubmission, repeats: int
) -> None:
    if repeats:
        outbox.submit(leave(make_submission))
        then()
    spool.push(leave(make_submission))
    then()
    outbox.submit(leave(make_submission, pause_days=30))
    tasks.record()
    assert len(outbox.running_pauses(make_submission().context)) == 1
    assert ends_of_pauses() == ["subscribe"]


@pytest.mark.usefixtures("clocks", "pausing")
def test_a_spooled_unsubscribe_for_good_ends_an_earlier_pause(
    make_submission: MakeSubmission,
) -> None:
    outbox.submit(leave(make_submission, pause_days=30))
    then()
    spool.push(leave(make_submission))
    # Nor does the pause end while it is not known what is spooled.
    assert ends_of_pauses() == []
    tasks.record()
    assert not outbox.running_pauses(make_submission().context)
    assert ends_of_pauses() == []


@pytest.mark.usefixtures("pausing")
def test_a_pause_begins_when_it_was_asked_for_last(make_submission: MakeSubmission) -> None:
    outbox.submit(leave(make_submission))
    then()
    outbox.submit(everything(make_submission))
    then()
    outbox.submit(leave(make_submission, pause_days=30))
    (pause,) = outbox.running_pauses(make_submission().context)
    assert pause.until - pause.began_at == timedelta(days=30)
    assert pause.began_at > pause.request.received_at


@pytest.mark.usefixtures("pausing")
def test_of_two_pauses_from_a_list_the_last_one_counts(make_submission: MakeSubmission) -> None:
    outbox.submit(leave(make_submission, pause_days=30))
    other = leave(make_submission, pause_days=90)
    link = replace(other.context, job=JobContext(job_id=88001, list_id=7004))
    outbox.submit(replace(other, context=link))
    (pause,) = outbox.running_pauses(make_submission().context)
    assert pause.request.job_id == 88001
    assert ends_of_pauses() == ["subscribe"]
    assert set(Pause.objects.values_list("result", flat=True)) == {"overridden", "put_back"}


def test_the_difference_of_the_clocks_is_measured_and_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = broker_ahead(monkeypatch, 600)
    tasks.record()
    least, most = (int(one or 0) for one in broker.hmget(spool_queue.CLOCK, "least", "most"))
    assert least <= -600_000_000 <= most + 2_000
    assert most - least < 60_000_000
