"""A worker that was frozen past its lease: it makes no call, and where it has called all the same,
what the person asked last is sent again."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission, context, queue, rotate_digest_key
from unsub.alerting import detection
from unsub.delivery import sweep, worker
from unsub.delivery.batch import Batch
from unsub.delivery.claim import claim
from unsub.models import BusinessUnit, Cause, Channel, Kind, LinkEmail, Status, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import identity, store
from unsub.outbox.api import Change, Submission
from unsub.reporting.timeline import events_of
from unsub.sandbox import Sandbox
from unsub.sfmc.http import post

from .helpers import drain, due_now, frozen_before_the_call, pass_time

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unit"),
]
WEEKLY = 7001


def unsubscribe(**more: Any) -> SubscriberRequest:
    """A subscriber leaves the weekly list, by the link of its email."""
    submission = Submission(token="t", context=context(**more), channel=Channel.ONE_CLICK)
    return store.write(submission)[0]


def subscribe() -> SubscriberRequest:
    """The subscriber joins it again, in the profile centre."""
    change = Change(kind=Kind.SUBSCRIBE)
    link = context().for_list(WEEKLY)
    submission = Submission(token="t", context=link, channel=Channel.PROFILE, change=change)
    return store.write(submission)[0]


def resubscribe() -> SubscriberRequest:
    """The subscriber comes back after having left everything."""
    change = Change(kind=Kind.RESUBSCRIBE)
    link = context().for_everything()
    submission = Submission(token="t", context=link, channel=Channel.PROFILE, change=change)
    return store.write(submission)[0]


def weekly(sandbox: Sandbox) -> str:
    """Return how the subscriber stands on the weekly list."""
    return str(sandbox.person(1001)["lists"].get(WEEKLY, ""))


def claimed() -> Batch[Any]:
    """Return what a worker has claimed."""
    batch = claim(PARENT)
    assert batch
    return batch


def freeze_and_lose() -> None:
    """Let the lease of the frozen worker end."""
    pass_time()
    sweep.sweep()


def wake_up(batch: Batch[Any]) -> None:
    """The frozen worker makes its call, and settles the result."""
    with frozen_before_the_call():
        worker.settle(batch, worker.call(batch))


def status_of(request: SubscriberRequest) -> str:
    """Return the status of a request."""
    request.refresh_from_db()
    return request.status


@pytest.mark.parametrize("what", ["unsubscribe", "change", "email"])
def test_a_worker_whose_lease_has_ended_makes_no_call(sandbox: Sandbox, what: str) -> None:
    BusinessUnit.objects.update(new_link_key="new-link")
    if what == "email":
        outbox.email_new_link(context(), language="en")
    else:
        (unsubscribe if what == "unsubscribe" else resubscribe)()
    batch = claimed()
    freeze_and_lose()
    worker.settle(batch, worker.call(batch))
    soap = sandbox.call_counts()["soap"]
    assert not {"Execute", "Update", "Create"} & set(soap)
    rows = LinkEmail if what == "email" else SubscriberRequest
    row = rows.objects.get()
    assert row.status == Status.PENDING
    (attempt,) = row.delivery_attempts.all()
    assert (attempt.detail, attempt.late_at) == ("the lease ran out", None)
    assert queue().unknowns_in_a_row == 0
    drain()
    assert rows.objects.get().status == Status.DONE


def test_a_lease_with_too_little_time_left_starts_no_call(sandbox: Sandbox) -> None:
    request = unsubscribe()
    batch = claimed()
    soon = timedelta(seconds=settings.LEASE_SECONDS / 4)
    SubscriberRequest.objects.update(lease_until=Now() + soon)
    worker.settle(batch, worker.call(batch))
    assert "Execute" not in sandbox.call_counts()["soap"]
    assert status_of(request) == Status.PENDING
    (attempt,) = request.delivery_attempts.all()
    assert (attempt.outcome, attempt.detail) == ("try_later", "the lease ended before the call")
    due_now()
    drain()
    assert status_of(request) == Status.DONE


def test_the_lease_is_looked_at_after_the_token_was_obtained(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsubscribe()
    batch = claimed()
    # The worker is frozen while it waits for the token.
    monkeypatch.setattr("unsub.sfmc.auth.post", frozen_after(worker_frozen=freeze_and_lose))
    worker.settle(batch, worker.call(batch))
    assert "Execute" not in sandbox.call_counts()["soap"]
    assert sandbox.events() == []


def frozen_after(worker_frozen: Any) -> Any:
    """Return `post` of the token endpoint, during which the lease ends."""

    def run(*args: Any, **more: Any) -> Any:
        reply = post(*args, **more)
        worker_frozen()
        return reply

    return run


def test_a_stale_subscribe_after_an_unsubscribe_is_undone(sandbox: Sandbox, client: Client) -> None:
    unsubscribe()
    drain()
    stale = subscribe()
    batch = claimed()
    freeze_and_lose()
    newest = unsubscribe(job=88001)
    drain()
    assert (status_of(newest), status_of(stale)) == (Status.DONE, Status.SUPERSEDED)
    wake_up(batch)
    assert weekly(sandbox) == "Active"
    assert status_of(newest) == Status.PENDING
    drain()
    assert (status_of(newest), status_of(stale)) == (Status.DONE, Status.SUPERSEDED)
    assert weekly(sandbox) == "Unsubscribed"


def test_a_stale_unsubscribe_after_a_subscribe_is_undone(sandbox: Sandbox) -> None:
    stale = unsubscribe()
    batch = claimed()
    freeze_and_lose()
    newest = subscribe()
    drain()
    assert (status_of(newest), status_of(stale)) == (Status.DONE, Status.SUPERSEDED)
    wake_up(batch)
    assert weekly(sandbox) == "Unsubscribed"
    drain()
    assert status_of(newest) == Status.DONE
    assert weekly(sandbox) == "Active"


def test_a_new_digest_key_since_the_claim_changes_nothing(
    sandbox: Sandbox, settings: Settings
) -> None:
    unsubscribe()
    batch = claimed()
    freeze_and_lose()
    rotate_digest_key(settings)
    subscribe()
    drain()
    wake_up(batch)
    assert weekly(sandbox) == "Unsubscribed"
    drain()
    assert weekly(sandbox) == "Active"


def test_a_list_left_before_a_return_stays_left_where_the_digest_key_changes_during_the_call(
    sandbox: Sandbox, settings: Settings
) -> None:
    store.write(
        Submission(token="t", context=context().for_everything(), channel=Channel.ONE_CLICK)
    )
    drain()
    unsubscribe()
    drain()
    resubscribe()
    batch = claimed()
    rotate_digest_key(settings)
    identity.adopt(PARENT, context().subscriber)
    worker.settle(batch, worker.call(batch))
    assert sandbox.person(1001)["status"] == "Active"
    assert weekly(sandbox) == "Unsubscribed"


def test_a_stale_unsubscribe_from_everything_after_a_return_is_undone(sandbox: Sandbox) -> None:
    store.write(
        Submission(token="t", context=context().for_everything(), channel=Channel.ONE_CLICK)
    )
    batch = claimed()
    freeze_and_lose()
    back, joined = resubscribe(), subscribe()
    drain()
    wake_up(batch)
    assert sandbox.person(1001)["status"] == "Unsubscribed"
    drain()
    assert (status_of(back), status_of(joined)) == (Status.DONE, Status.DONE)
    assert sandbox.person(1001)["status"] == "Active"
    assert weekly(sandbox) == "Active"


def test_the_newest_request_is_sent_again_also_while_it_is_being_sent(sandbox: Sandbox) -> None:
    unsubscribe()
    drain()
    subscribe()
    frozen = claimed()
    freeze_and_lose()
    newest = unsubscribe(job=88001)
    working = claimed()
    verdicts = worker.call(working)
    wake_up(frozen)
    assert weekly(sandbox) == "Active"
    assert status_of(newest) == Status.SENDING
    worker.settle(working, verdicts)
    assert status_of(newest) == Status.PENDING
    drain()
    assert (status_of(newest), newest.send_again) == (Status.DONE, False)
    assert weekly(sandbox) == "Unsubscribed"


def test_what_a_still_later_request_superseded_is_not_sent_again(sandbox: Sandbox) -> None:
    unsubscribe()
    frozen = claimed()
    freeze_and_lose()
    joined = subscribe()
    drain()
    newest = unsubscribe(job=88001)
    drain()
    wake_up(frozen)
    assert (status_of(joined), status_of(newest)) == (Status.DONE, Status.DONE)
    assert weekly(sandbox) == "Unsubscribed"


def test_a_late_call_is_on_the_attempt_in_the_timeline_the_alarms_and_the_metrics(
    sandbox: Sandbox, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    request = unsubscribe()
    request.refresh_from_db()
    batch = claimed()
    freeze_and_lose()
    wake_up(batch)
    (attempt,) = request.delivery_attempts.all()
    assert (attempt.outcome, attempt.detail) == ("unknown", "the lease ran out")
    assert (attempt.late_outcome, bool(attempt.late_at)) == ("posted", True)
    assert "lease_lost_after_call" in caplog.text
    assert [(one.cause, one.mid, one.number) for one in detection.find()] == [
        (Cause.LATE_CALL, PARENT, 1)
    ]
    assert f'unsub_late_calls{{mid="{PARENT}"}} 1.0' in client.get("/metrics").content.decode()
    told = [moment.what for moment in events_of(request, [attempt])]
    assert any("came after its lease had ended" in one for one in told)
    drain()
    assert (status_of(request), request.outcome) == (Status.DONE, "already_unsubscribed")
    assert len(sandbox.events()) == 1


def test_another_person_s_requests_are_not_sent_again(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    other, _ = store.write(make_submission(1002))
    drain()
    subscribe()
    batch = claimed()
    freeze_and_lose()
    wake_up(batch)
    assert status_of(other) == Status.DONE
