"""Neither database lets what was asked be changed; an erasure can empty what names a person."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from tests.helpers import request
from unsub.models import BusinessUnit, ConsentText, LinkEmail, Reason, SubscriberRequest

pytestmark = pytest.mark.django_db

WHO = {
    "subscriber_id": 1001, "subscriber_key": "ada-1001", "email_address": "ada@example.com",
    "address_digest": "1:ab", "address_mask": "a•••@example.com",
}  # fmt: skip
NOBODY = {name: None if name == "subscriber_id" else "" for name in WHO}
EARLIER = {"received_at": F("received_at") - timedelta(hours=1)}


def refuse(rows: Any, **changes: Any) -> None:
    """Check that the database refuses to change what was asked."""
    with pytest.raises(IntegrityError, match="what was asked never changes"), transaction.atomic():
        rows.update(**changes)


def one(**fields: Any) -> Any:
    """Return a queryset of one request."""
    return SubscriberRequest.objects.filter(pk=request(**fields).pk)


def an_email(unit: BusinessUnit, **fields: Any) -> Any:
    """Return a queryset of one email."""
    row = LinkEmail.objects.create(unit=unit, purpose="new_link", give_up_at=Now(), **fields)
    return LinkEmail.objects.filter(pk=row.pk)


@pytest.fixture
def email(unit: BusinessUnit) -> Any:
    """A queryset of one email."""
    return an_email(unit, **WHO)


@pytest.mark.parametrize(
    "change",
    [
        {"unit_id": 510002}, {"kind": "subscribe"}, {"target_type": "everything"},
        {"target_id": 7002}, {"target_id": None}, {"target_name": "City"}, {"scope": "all"},
        {"channel": "import"}, {"job_id": None}, {"job_id": 1}, {"list_id": 7002}, {"batch_id": 7},
        {"language": "de"}, {"link_age": 7}, {"scanner": "script"}, EARLIER,
    ],
)  # fmt: skip
def test_what_was_asked_never_changes(unit: BusinessUnit, change: dict[str, Any]) -> None:
    refuse(one(), **change)


def test_the_consent_text_never_changes(unit: BusinessUnit) -> None:
    text = ConsentText.objects.create(unit=unit, language="en", text="x", text_digest="0")
    refuse(one(kind="subscribe"), consent_text=text)


@pytest.mark.parametrize(
    "change",
    [{"unit_id": 510002}, {"purpose": "confirm"}, {"job_id": 1}, {"language": "de"}, EARLIER],
)
def test_what_an_email_is_for_never_changes(email: Any, change: dict[str, Any]) -> None:
    refuse(email, **change)


def test_the_request_that_an_email_confirms_never_changes(unit: BusinessUnit) -> None:
    first, other = request(kind="subscribe"), request(kind="subscribe")
    row = LinkEmail.objects.create(
        unit=unit, purpose="confirm", request=first, give_up_at=Now(), **WHO
    )
    refuse(LinkEmail.objects.filter(pk=row.pk), request=other)


@pytest.mark.parametrize("name", WHO)
@pytest.mark.parametrize("table", ["request", "email"])
def test_an_identifier_is_filled_once(unit: BusinessUnit, name: str, table: str) -> None:
    kept = "subscriber_key" if name == "subscriber_id" else "subscriber_id"
    bare = NOBODY | {kept: WHO[kept]}
    rows = one(**bare) if table == "request" else an_email(unit, **bare)
    assert rows.update(**{name: WHO[name]})
    refuse(rows, **{name: 9 if name == "subscriber_id" else "other"})
    refuse(rows, **{name: NOBODY[name]})
    assert rows.update(**NOBODY, forgotten_at=Now())


def test_a_forgotten_row_is_not_filled_again(unit: BusinessUnit) -> None:
    for rows in (one(**WHO), an_email(unit, **WHO)):
        assert rows.update(**NOBODY, forgotten_at=Now())
        for name, value in WHO.items():
            refuse(rows, **{name: value})
        refuse(rows, forgotten_at=None)
        # An erasure after the retention leaves a pseudonym, which changes with the digest keys.
        for pseudonym in ("erased-1f2e", "erased-3d4c"):
            assert rows.update(subscriber_key=pseudonym, subscriber_digest="2:ab")
        refuse(rows, subscriber_key="ada-1001")


def test_a_value_is_emptied_and_never_changed_or_set(unit: BusinessUnit) -> None:
    rows = one(kind="attribute", value="Rome")
    refuse(rows, value="Bonn")
    refuse(rows, value="")
    assert rows.update(value="", forgotten_at=Now())
    refuse(rows, value="Rome")


def test_a_reason_is_given_once_and_then_only_shortened(unit: BusinessUnit) -> None:
    first, other = Reason.objects.all()[:2]
    rows = one()
    assert rows.update(reason=first, reason_text="Too many: enough", reason_added_at=Now())
    for change in (
        {"reason": other}, {"reason": None}, {"reason_added_at": None}, {"reason_text": "Too many"},
        {"reason_text": "Other", "forgotten_at": Now()},
        {"reason_text": "Too many: enough of it", "forgotten_at": Now()},
    ):  # fmt: skip
        refuse(rows, **change)
    assert rows.update(reason_text="Too many", forgotten_at=Now())
    assert rows.update(reason_text="")


def test_the_time_of_a_confirmation_never_changes(unit: BusinessUnit) -> None:
    rows = one(kind="subscribe")
    assert rows.update(confirmed_at=Now())
    refuse(rows, confirmed_at=Now() - timedelta(hours=1))


def test_delivery_and_digests_change_freely(unit: BusinessUnit) -> None:
    rows = one(status="pending")
    assert rows.update(subscriber_digest="1:ab", idempotency_key="1:cd", outcome="refused")
    assert rows.update(subscriber_digest="2:ab", idempotency_key=None, next_attempt_at=Now())
