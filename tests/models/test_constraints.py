"""Both databases refuse combinations of columns that must never be."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from tests.helpers import MakeSubmission, request
from unsub.models import BusinessUnit, ConsentText, EmailStatus, LinkEmail, SubscriberRequest
from unsub.models.request import any_status
from unsub.models.statuses import ENDED, NOT_ENDED, Status
from unsub.outbox import store

pytestmark = pytest.mark.django_db

LEASED: dict[str, Any] = {"lease": uuid4(), "lease_until": Now()}


def refuse(rows: Any, constraint: str, **changes: Any) -> None:
    """Check that the database refuses the changes because of this constraint."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rows.update(**changes)


@pytest.fixture
def pending(unit: BusinessUnit, make_submission: MakeSubmission) -> Any:
    """A queryset of one pending unsubscribe."""
    return SubscriberRequest.objects.filter(pk=store.write(make_submission())[0].pk)


@pytest.fixture
def email(unit: BusinessUnit) -> Any:
    """A queryset of one pending email."""
    one = LinkEmail.objects.create(
        unit=unit, purpose="new_link", subscriber_id=1001, give_up_at=Now()
    )
    return LinkEmail.objects.filter(pk=one.pk)


@pytest.mark.parametrize("status", ENDED)
def test_a_request_that_has_ended_says_when(pending: Any, status: str) -> None:
    done = {"outcome": "posted", "attempts": 1}
    by = {"superseded_by": request()} if status == Status.SUPERSEDED else {}
    refuse(pending, "request_ended_has_finished_at", status=status, **done, **by)
    assert pending.update(status=status, finished_at=Now(), **done, **by) == 1


@pytest.mark.parametrize("status", NOT_ENDED)
def test_a_request_that_has_not_ended_has_no_end(unit: BusinessUnit, status: str) -> None:
    lease = LEASED | {"attempts": 1} if status == Status.SENDING else {}
    one = SubscriberRequest.objects.filter(pk=request(kind="subscribe", status="pending").pk)
    refuse(one, "request_ended_has_finished_at", status=status, finished_at=Now(), **lease)
    assert one.update(status=status, finished_at=None, **lease) == 1


def test_a_superseded_request_says_by_which_and_no_other_does(pending: Any) -> None:
    other, name = request(), "request_superseded_has_superseded_by"
    refuse(pending, name, status=Status.SUPERSEDED, finished_at=Now())
    refuse(pending, name, superseded_by=other)
    assert pending.update(
        status=Status.SUPERSEDED, finished_at=Now(), superseded_by=other
    )  # fmt: skip


def test_a_request_is_done_with_an_outcome_of_an_attempt(pending: Any) -> None:
    done, name = {"status": Status.DONE, "finished_at": Now()}, "request_done_has_an_outcome"
    refuse(pending, name, **done, attempts=1)
    refuse(pending, name, **done, outcome="posted")
    assert pending.update(**done, attempts=1, outcome="posted")


def test_a_request_that_is_being_sent_has_a_lease_and_an_attempt(pending: Any) -> None:
    name, sending = "request_sending_has_a_lease", {"status": Status.SENDING}
    refuse(pending, name, **sending, attempts=1, lease=uuid4())
    refuse(pending, name, **sending, attempts=1, lease_until=Now())
    refuse(pending, name, **sending, **LEASED)
    refuse(pending, name, lease=uuid4())
    assert pending.update(**sending, **LEASED, attempts=1)


@pytest.mark.parametrize("changes", [{"status": Status.WAITING}, {"confirmed_at": Now()}])
def test_an_unsubscribe_waits_for_no_confirmation(pending: Any, changes: dict[str, Any]) -> None:
    refuse(pending, "request_unsubscribe_needs_nothing_else", **changes)


def test_an_unsubscribe_has_no_value_and_no_consent_text(unit: BusinessUnit) -> None:
    text = ConsentText.objects.create(unit=unit, language="en", text="x", text_digest="0")
    for more in ({"consent_text": text}, {"value": "x"}):
        with (
            pytest.raises(IntegrityError, match="request_unsubscribe_needs_nothing_else"),
            transaction.atomic(),
        ):
            request(**more)


def test_a_request_that_waits_for_its_confirmation_is_not_confirmed(unit: BusinessUnit) -> None:
    waiting = SubscriberRequest.objects.filter(
        pk=request(kind="subscribe", status=Status.WAITING).pk
    )
    refuse(waiting, "request_confirmed_is_not_waiting", confirmed_at=Now())
    assert waiting.update(status=Status.PENDING, confirmed_at=Now())


def test_an_idempotency_key_is_of_one_request(pending: Any) -> None:
    other = SubscriberRequest.objects.filter(pk=request().pk)
    refuse(other, "idempotency_key", idempotency_key=pending.get().idempotency_key)


@pytest.mark.parametrize("status", [EmailStatus.DONE, EmailStatus.REFUSED, EmailStatus.CANCELLED])
def test_an_email_that_has_ended_says_when(email: Any, status: str) -> None:
    done = {"outcome": "posted", "attempts": 1}
    refuse(email, "link_email_ended_has_finished_at", status=status, **done)
    assert email.update(status=status, finished_at=Now(), **done)


def test_an_email_is_done_with_an_outcome_of_an_attempt(email: Any) -> None:
    done, name = {"status": "done", "finished_at": Now()}, "link_email_done_has_an_outcome"
    refuse(email, name, **done, attempts=1)
    refuse(email, name, **done, outcome="posted")


def test_an_email_that_is_being_sent_has_a_lease_and_an_attempt(email: Any) -> None:
    refuse(email, "link_email_sending_has_a_lease", status="sending", **LEASED)
    refuse(email, "link_email_sending_has_a_lease", status="sending", attempts=1)
    assert email.update(status="sending", **LEASED, attempts=1)


def test_every_request_meets_any_status(unit: BusinessUnit) -> None:
    other = request()
    for status in set(Status) - {Status.HELD}:
        lease = LEASED if status == Status.SENDING else {}
        by = other if status == Status.SUPERSEDED else None
        request(kind="subscribe", status=status, superseded_by=by, **lease)
    rows = SubscriberRequest.objects.all()
    assert rows.filter(any_status()).count() == rows.filter(Q()).count() == len(Status)
