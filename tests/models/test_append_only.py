"""Attempts and notes are evidence: neither database lets them be changed or deleted."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests.helpers import MakeSubmission
from unsub.models import BusinessUnit, DeliveryAttempt, ResolutionNote, SubscriberRequest
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
