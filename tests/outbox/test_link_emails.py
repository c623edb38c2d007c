"""Emails with links: requested once an hour, sent by the worker of the requests, their states."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.delivery.helpers import drain, due_now
from tests.helpers import PARENT, MakeSubmission, context, queue, rewrite, rotate_digest_key
from unsub.alerting import detection
from unsub.delivery import sweep
from unsub.delivery.claim import claim
from unsub.domain.retry import HORIZON
from unsub.infra import digests
from unsub.models import (
    BusinessUnit,
    Cause,
    DeliveryAttempt,
    EmailStatus,
    Kind,
    LinkEmail,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import store
from unsub.outbox.submission import Change
from unsub.sandbox import Sandbox

from .helpers import subscribe, unsubscribe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def definitions(unit: BusinessUnit) -> None:
    """Give the unit its triggered send definitions."""
    BusinessUnit.objects.update(
        new_link_key="new-link", confirm_key="confirm-subscription", ask_back_key="ask-back"
    )


def new_link(subscriber: int = 1001) -> LinkEmail:
    """Request a new link."""
    outbox.email_new_link(context(subscriber), language="en")
    return LinkEmail.objects.latest("pk")


def confirm(make_submission: MakeSubmission, number: int) -> SubscriberRequest:
    """Subscribe to a list; the request waits for a confirmation."""
    submission = make_submission(channel="profile")
    change = Change(kind=Kind.SUBSCRIBE, needs_confirmation=True)
    return store.write(
        replace(submission, context=submission.context.for_list(number), change=change)
    )[0]


def test_the_same_new_link_is_emailed_once_an_hour(sandbox: Sandbox) -> None:
    first = new_link()
    assert new_link() == first
    drain()
    # Also once it was sent, and by a link of another email.
    outbox.email_new_link(replace(context(1001), issued_at=7), language="de")
    assert LinkEmail.objects.get().status == EmailStatus.DONE
    rewrite(LinkEmail.objects.all(), received_at=Now() - timedelta(minutes=61))
    assert new_link() != first
    drain()
    assert len(sandbox.mails()) == 2


def test_the_same_new_link_is_known_again_after_a_change_of_the_digest_key(
    settings: Settings,
) -> None:
    first = new_link()
    rotate_digest_key(settings)
    assert new_link() == first
    email = LinkEmail.objects.get()
    assert email.subscriber_digest == digests.subscriber_digests(PARENT, email.subscriber)[0]
    assert email.idempotency_key == f"new_link:{email.subscriber_digest}"


def test_an_unsent_email_is_found_again_however_old_it_is() -> None:
    first = new_link()
    rewrite(LinkEmail.objects.all(), received_at=Now() - timedelta(days=2))
    assert new_link() == first


def test_a_request_gets_one_confirmation_email_an_hour_whatever_other_emails_were_requested(
    make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    for number in (7001, 7004, 7001):
        confirm(make_submission, number)
        drain()
    assert len(sandbox.mails()) == LinkEmail.objects.count() == 2


def test_emails_are_sent_after_unsubscribes_and_changes(sandbox: Sandbox) -> None:
    new_link(), subscribe(1002, 7004), unsubscribe(1003)
    order = []
    while batch := claim(PARENT):
        order.append(batch.message_type.name)
    assert order == ["UNSUBSCRIBES", "CHANGES", "MAILS"]


def test_a_request_does_not_wait_for_an_email_to_the_same_subscriber() -> None:
    new_link()
    batch = claim(PARENT)
    assert batch
    unsubscription = unsubscribe()
    again = claim(PARENT)
    assert again
    assert again.rows == (unsubscription,)


def test_an_email_whose_worker_died_is_sent_again_and_its_attempt_is_unknown(
    sandbox: Sandbox,
) -> None:
    new_link()
    assert claim(PARENT)
    LinkEmail.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert sweep.sweep() == [PARENT]
    drain()
    attempts = DeliveryAttempt.objects.order_by("number").values_list("number", "outcome")
    assert list(attempts) == [(1, "unknown"), (2, "posted")]
    assert LinkEmail.objects.get().attempts == 2


def test_an_email_past_its_horizon_is_refused_and_an_alarm(sandbox: Sandbox) -> None:
    email = new_link()
    rewrite(
        LinkEmail.objects.all(),
        give_up_at=Now() - timedelta(seconds=1), received_at=Now() - timedelta(hours=2),
        next_attempt_at=Now() - timedelta(hours=2),
    )  # fmt: skip
    assert [(one.cause, one.number) for one in detection.find()] == [(Cause.LATE, 1)]
    sweep.sweep()
    email.refresh_from_db()
    assert (email.status, email.finished_at is not None) == (EmailStatus.REFUSED, True)
    assert [(one.cause, one.number) for one in detection.find()] == [(Cause.GIVEN_UP, 1)]
    assert outbox.requeue_emails([email.pk]) == 1
    email.refresh_from_db()
    assert email.give_up_at - email.received_at > HORIZON
    drain()
    assert len(sandbox.mails()) == 1


def test_refused_credentials_hold_the_queue_and_the_email_is_sent_once_it_is_released(
    sandbox: Sandbox,
) -> None:
    email = new_link()
    sandbox.cue("revoke_credentials", times=None)
    drain()
    email.refresh_from_db()
    assert queue().is_held
    assert (email.status, email.outcome) == (EmailStatus.PENDING, "misconfigured")
    assert claim(PARENT) is None
    sandbox.clear()
    due_now()
    assert sweep.sweep() == [PARENT]
    drain()
    assert not queue().is_held
    assert len(sandbox.mails()) == 1


def test_refused_emails_count_with_refused_requests_in_one_alarm(sandbox: Sandbox) -> None:
    BusinessUnit.objects.update(new_link_key="")
    new_link()
    drain()
    unsubscribe(1002)
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    assert [(one.cause, one.number) for one in detection.find()] == [(Cause.REFUSED, 2)]


def test_a_refused_email_is_tried_again_in_the_admin(
    admin_client: Client, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(new_link_key="")
    email = new_link()
    drain()
    there = "/admin/unsub/linkemail/"
    page = admin_client.get(f"{there}{email.pk}/change/").content.decode()
    assert "has no triggered send for this email" in page
    BusinessUnit.objects.update(new_link_key="new-link")
    action = {"action": "try_selected_again", "_selected_action": [email.pk], "confirmed": "1"}
    answer = admin_client.post(there, action, follow=True)
    assert "1 email queued for retry." in answer.content.decode()
    drain()
    email.refresh_from_db()
    assert email.status == EmailStatus.DONE


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "confirm"}, {"purpose": "ask_back"}, {"status": "done"},
        {"status": "sending"}, {"finished_at": Now()}, {"subscriber_id": None},
    ],
)  # fmt: skip
def test_invalid_combinations_of_columns_are_refused_by_the_database(
    changes: dict[str, object],
) -> None:
    email = new_link()
    with pytest.raises(IntegrityError), transaction.atomic():
        LinkEmail.objects.filter(pk=email.pk).update(**changes)


@pytest.mark.parametrize("both", [True, False])
def test_an_attempt_belongs_to_a_request_or_to_an_email(both: bool) -> None:
    email, request = (new_link(), unsubscribe()) if both else (None, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        DeliveryAttempt.objects.create(request=request, link_email=email, number=1, lease=uuid4())
