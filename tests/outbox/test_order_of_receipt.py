"""Of two wishes about the same thing the later one counts, however each of them travelled."""

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


def name(make_submission: MakeSubmission, value: str) -> Submission:
    """Return the wish for another first name."""
    change = Change(kind=Kind.ATTRIBUTE, name="First Name", value=value)
    return replace(make_submission(channel=Channel.PROFILE), change=change)


def everything(make_submission: MakeSubmission, kind: Kind | None = None) -> Submission:
    """Return the wish to leave everything, or to subscribe again."""
    change = Change(kind=kind) if kind else None
    return replace(make_submission(channel=Channel.PROFILE, scope=Scope.ALL), change=change)


def joining(make_submission: MakeSubmission, list_id: int) -> Submission:
    """Return the wish to join a list."""
    submission = make_submission(channel=Channel.PROFILE)
    change = Change(kind=Kind.SUBSCRIBE, consent_text="You get mail.")
    return replace(submission, context=submission.context.for_list(list_id), change=change)


def statuses() -> list[tuple[str, str]]:
    """Return kind and status of each row, in the order in which they were received."""
    return list(
        SubscriberRequest.objects.order_by("received_at", "pk").values_list("kind", "status")
    )


def test_a_letter_that_is_read_late_does_not_undo_what_was_asked_for_since(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(name(make_submission, "Adele"))  # while the database was away
    outbox.submit(name(make_submission, "Ada-Maria"))  # it is back, and the letter is not read yet
    deliver()
    tasks.record()
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada-Maria"
    assert statuses() == [("attribute", "superseded"), ("attribute", "done")]


def test_a_letter_that_is_read_late_does_not_go_along_with_what_was_asked_for_since(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(name(make_submission, "Adele"))
    outbox.submit(name(make_submission, "Ada-Maria"))
    tasks.record()
    # What is on its way is shown as it was asked for last.
    recent = outbox.recent(make_submission().context, since=HOUR)
    assert [request.value for request in recent] == ["Adele", "Ada-Maria"]
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada-Maria"


def test_what_is_joined_after_everything_was_left_by_letter_is_joined(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    spool.push(everything(make_submission))
    outbox.submit(joining(make_submission, 7004))
    tasks.record()
    deliver()
    deliver()
    assert statuses() == [("unsubscribe", "done"), ("subscribe", "done")]


def test_a_letter_about_what_is_a_row_already_is_no_wish_of_its_own_whatever_was_asked_since(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    join = joining(make_submission, 7002)
    outbox.submit(join)
    spool.push(join)  # the database had it and did not say so in time
    time.sleep(0.01)
    outbox.submit(make_submission(channel=Channel.PROFILE, job=JobContext(list_id=7002)))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "superseded"), ("unsubscribe", "done")]


def test_a_letter_is_as_old_as_its_wish(make_submission: MakeSubmission, sandbox: Sandbox) -> None:
    submission = name(make_submission, "Adele")
    outbox.submit(submission)
    deliver()
    # It is read only after the time in which the same again is the same wish.
    SubscriberRequest.objects.update(received_at=Now() - HOUR)
    spooled = replace(submission, received_at=timezone.now() - HOUR + timedelta(seconds=2))
    assert store.write(spooled)[1] is False


def test_coming_back_does_not_put_anybody_on_a_list_that_they_left(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    leaving = outbox.submit(make_submission(channel=Channel.PROFILE))
    assert leaving
    # It has to be tried again, and meanwhile they leave everything.
    later = Now() + HOUR
    SubscriberRequest.objects.filter(pk=leaving.pk).update(next_attempt_at=later)
    outbox.submit(everything(make_submission))
    deliver()
    SubscriberRequest.objects.filter(pk=leaving.pk).update(next_attempt_at=Now())
    deliver()
    outbox.submit(everything(make_submission, Kind.RESUBSCRIBE))
    deliver()
    person = sandbox.person(1001)
    assert person["status"] == "Active"
    lists = {str(key): status for key, status in person["lists"].items()}
    assert (lists["7001"], lists["7002"]) == ("Unsubscribed", "Active")


def test_a_letter_is_confirmed_where_the_unit_demands_it_although_the_page_could_not_know(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    spool.push(joining(make_submission, 7004))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "waiting")]
    assert LinkEmail.objects.get().status == "done"
    assert len(sandbox.mails()) == 1
    assert "7004" not in {str(number) for number in sandbox.person(1001)["lists"]}
