"""Of two requests with the same target the one received later counts, spooled or not."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.utils import timezone

from tests.helpers import MakeSubmission
from tests.web.helpers import deliver
from unsub import tasks
from unsub.domain.context import JobContext, Scope
from unsub.models import BusinessUnit, Channel, Kind, LinkEmail, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import spool, store
from unsub.outbox.api import Change, Submission
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> None:
    """The parent unit, which offers the profile centre."""
    cache.clear()
    BusinessUnit.objects.update(profile_centre=True)


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
    time.sleep(0.01)
    outbox.submit(make_submission(channel=Channel.PROFILE, job=JobContext(list_id=7002)))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "superseded"), ("unsubscribe", "done")]


def test_a_spooled_request_keeps_its_time_of_receipt(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    submission = rename(make_submission, "Adele")
    outbox.submit(submission)
    deliver()
    # It is stored only after the period in which a repetition is the same request.
    SubscriberRequest.objects.update(received_at=Now() - HOUR)
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
