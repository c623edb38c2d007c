"""Attempts and notes are evidence: neither database lets them be changed or deleted; nor how a
request or an email with a link has ended."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests.helpers import MakeSubmission, request
from unsub.models import (
    BusinessUnit,
    DeliveryAttempt,
    LinkEmail,
    ResolutionNote,
    Status,
    SubscriberRequest,
)
from unsub.outbox import store

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_row(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """A stored request."""
    return store.write(make_submission())[0]


@pytest.fixture
def attempt(request_row: SubscriberRequest) -> DeliveryAttempt:
    """An attempt that is not finished yet."""
    return DeliveryAttempt.objects.create(request=request_row, number=1, lease=uuid4())


@pytest.fixture
def note(request_row: SubscriberRequest) -> ResolutionNote:
    """A note of a user."""
    user = get_user_model().objects.create_user(username="marketer")
    return ResolutionNote.objects.create(
        request=request_row, user=user, note="Unsubscribed by hand"
    )


def test_an_attempt_is_finished_once_and_then_final(attempt: DeliveryAttempt) -> None:
    own = DeliveryAttempt.objects.filter(pk=attempt.pk)
    assert own.update(finished_at=timezone.now(), outcome="posted") == 1
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        own.update(outcome="refused")
    assert own.get().outcome == "posted"


def test_a_late_reply_is_added_to_a_finished_attempt_once_and_nothing_else_changes(
    attempt: DeliveryAttempt,
) -> None:
    own, late = DeliveryAttempt.objects.filter(pk=attempt.pk), {"late_outcome": "posted"}
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        own.update(late_at=timezone.now(), **late)
    own.update(finished_at=timezone.now(), outcome="unknown")
    for change in ({"outcome": "posted"}, {"detail": "x"}, {"lease": uuid4()}):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            own.update(late_at=timezone.now(), **late, **change)
    assert own.update(late_at=timezone.now(), **late) == 1
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        own.update(late_at=timezone.now(), late_outcome="refused")
    assert (own.get().outcome, own.get().late_outcome) == ("unknown", "posted")


def test_an_attempt_cannot_be_deleted(attempt: DeliveryAttempt) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        DeliveryAttempt.objects.filter(pk=attempt.pk).delete()
    assert DeliveryAttempt.objects.filter(pk=attempt.pk).exists()


def test_a_note_cannot_be_changed_or_deleted(note: ResolutionNote) -> None:
    own = ResolutionNote.objects.filter(pk=note.pk)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        own.update(note="Something else")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        own.delete()
    assert own.get().note == "Unsubscribed by hand"


def test_a_note_outlives_the_account_of_its_author(note: ResolutionNote) -> None:
    get_user_model().objects.get(username="marketer").delete()
    note.refresh_from_db()
    assert note.user_id is None
    assert note.note == "Unsubscribed by hand"


def test_an_open_attempt_can_be_finished_and_nothing_else_of_it_changes(
    attempt: DeliveryAttempt,
) -> None:
    own = DeliveryAttempt.objects.filter(pk=attempt.pk)
    for change in ({"number": 2}, {"outcome": "posted"}, {"started_at": timezone.now()}):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            own.update(**change)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        own.update(finished_at=timezone.now(), number=2)
    assert own.get().number == 1


AGAIN: dict[str, Any] = {"status": Status.PENDING, "finished_at": None}


def refuse(rows: Any, **changes: Any) -> None:
    """Check that the database refuses to change how the rows have ended."""
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows.update(**changes)


@pytest.fixture
def email(unit: BusinessUnit) -> Any:
    """A queryset of one email that was sent."""
    row = LinkEmail.objects.create(
        unit=unit, purpose="new_link", subscriber_id=1001, give_up_at=timezone.now(),
        status="done", outcome="posted", attempts=1, finished_at=timezone.now(),
    )  # fmt: skip
    return LinkEmail.objects.filter(pk=row.pk)


def test_how_a_request_or_an_email_ended_is_final(unit: BusinessUnit, email: Any) -> None:
    for rows in (SubscriberRequest.objects.filter(pk=request().pk), email):
        for change in (
            {"outcome": "unknown"}, {"error_code": 400}, {"sfmc_request_id": "x"},
            {"attempts": 2}, {"finished_at": timezone.now()}, {"status": Status.REFUSED},
            AGAIN | {"outcome": ""}, AGAIN | {"attempts": 0},
        ):  # fmt: skip
            refuse(rows, **change)
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            rows.delete()
    refuse(email, **AGAIN)


@pytest.mark.parametrize("status", [Status.DONE, Status.REFUSED, Status.SUPERSEDED])
def test_an_ended_request_can_become_pending_with_its_last_result(
    unit: BusinessUnit, status: str
) -> None:
    by = request() if status == Status.SUPERSEDED else None
    one = SubscriberRequest.objects.filter(pk=request(status=status, superseded_by=by).pk)
    refuse(one, status=Status.WAITING, finished_at=None)
    assert one.update(superseded_by=None, **AGAIN) == 1


def test_a_withdrawn_or_a_forgotten_request_stays_as_it_is(unit: BusinessUnit) -> None:
    withdrawn = request(status=Status.WITHDRAWN)
    forgotten = request(status=Status.REFUSED, forgotten_at=timezone.now())
    for row in (withdrawn, forgotten):
        refuse(SubscriberRequest.objects.filter(pk=row.pk), **AGAIN)
