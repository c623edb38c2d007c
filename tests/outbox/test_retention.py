"""Some time after a request ended, its subscriber is no longer stored in clear; the proof stays."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.helpers import (
    CHILD,
    PARENT,
    MakeSubmission,
    context,
    made,
    request,
    rewrite,
    rotate_digest_key,
    seen,
)
from unsub.domain.context import SubscriberContext
from unsub.models import (
    BusinessUnit,
    ConsentText,
    DeliveryAttempt,
    EmailStatus,
    Erasure,
    Kind,
    LinkEmail,
    LostLink,
    Pause,
    ResolutionNote,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import erasure, event_import, identity, link_emails, retention, store
from unsub.preferences import data_export
from unsub.sandbox import Sandbox

from .helpers import ask

pytestmark = pytest.mark.django_db(transaction=True)
DONE = {"outcome": "posted"}
REQUESTS = "/admin/unsub/subscriberrequest/"
ADA = SubscriberContext(
    subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
)


@pytest.fixture(autouse=True)
def thirty_days(unit: BusinessUnit) -> None:
    """The parent unit, which keeps subscribers in clear for 30 days."""
    BusinessUnit.objects.update(retention_days=30)


def ended(row: SubscriberRequest, days_ago: float = 31) -> SubscriberRequest:
    """Return the request, done some days ago."""
    at = timezone.now() - timedelta(days=days_ago)
    rewrite(
        SubscriberRequest.objects.filter(pk=row.pk),
        status=Status.DONE, outcome="posted", attempts=1, received_at=at, finished_at=at,
    )  # fmt: skip
    row.refresh_from_db()
    return row


def forgotten(make_submission: MakeSubmission, who: SubscriberContext = ADA) -> SubscriberRequest:
    """Return an old request that retention has emptied."""
    row = ended(store.write(make_submission(who, words="my own words"))[0])
    assert retention.apply()["requests"] == 1
    row.refresh_from_db()
    return row


def test_the_proof_outlives_the_subscribers_names(
    make_submission: MakeSubmission, admin_client: Client
) -> None:
    row, _ = store.write(make_submission(ADA, words="call me at work"))
    attempt = DeliveryAttempt.objects.create(
        request=row, number=1, lease="00000000-0000-0000-0000-000000000001",
        finished_at=Now(), outcome="posted",
    )  # fmt: skip
    before = ended(row)
    assert retention.counts()["requests"] == 1
    retention.apply()
    row.refresh_from_db()
    assert (row.subscriber_id, row.subscriber_key, row.email_address) == (None, "", "")
    assert (row.value, row.reason_text, row.address_mask) == ("", "", "a•••@example.com")
    kept = ("status", "outcome", "job_id", "list_id", "received_at", "finished_at", "channel",
            "idempotency_key", "subscriber_digest", "scope")  # fmt: skip
    assert all(getattr(row, name) == getattr(before, name) for name in kept)
    assert row.forgotten_at
    assert list(row.delivery_attempts.all()) == [attempt]
    # Whoever knows an identifier finds it, and nothing but the whole value does.
    for term in ("1001", "ada-1001", "ADA@example.com"):
        assert "1 request" in seen(admin_client.get(REQUESTS, {"q": term}).content)
    assert "0 requests" in seen(admin_client.get(REQUESTS, {"q": "ada"}).content)
    for page in (f"{REQUESTS}{row.pk}/change/", f"{REQUESTS}{row.pk}/proof/"):
        assert admin_client.get(page).status_code == 200
    assert not retention.apply().get("requests")


def test_a_subscriber_without_an_address_is_shown_as_no_longer_kept(
    make_submission: MakeSubmission, admin_client: Client
) -> None:
    forgotten(make_submission, SubscriberContext(subscriber_id=1001))
    assert "removed after retention" in seen(admin_client.get(REQUESTS).content)


def test_only_requests_that_have_ended_long_ago_are_forgotten(
    child: BusinessUnit, make_submission: MakeSubmission
) -> None:
    BusinessUnit.objects.filter(mid=CHILD).update(retention_days=None)
    old = timezone.now() - timedelta(days=31)
    refused = request(40, status=Status.REFUSED)
    dealt_with = request(40, status=Status.REFUSED)
    ResolutionNote.objects.create(request=dealt_with, note="done by hand")
    paused = request(40, **DONE)
    Pause.objects.create(request=paused, until=timezone.now(), end_action="ask")
    over = request(40, **DONE)
    Pause.objects.create(request=over, until=old, end_action="ask", ended_at=old, result="asked")
    pending = request(0.1, status=Status.PENDING, finished_at=None, received_at=old)
    superseded = request(40, status=Status.SUPERSEDED, superseded_by=pending)
    kept = [
        refused, paused, pending, superseded,
        request(40, status=Status.WAITING, finished_at=None, kind=Kind.SUBSCRIBE),
        request(29, **DONE), request(40, unit_id=CHILD, **DONE), request(40, unit_id=4711, **DONE),
    ]  # fmt: skip
    gone = [dealt_with, over, request(40, **DONE), request(40, status=Status.WITHDRAWN)]
    retention.apply()
    left = SubscriberRequest.objects.filter(forgotten_at=None)
    assert set(left.values_list("pk", flat=True)) == {row.pk for row in kept}
    assert SubscriberRequest.objects.exclude(forgotten_at=None).count() == len(gone)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_forgotten_request_is_still_the_subscribers(
    make_submission: MakeSubmission, settings: Settings, rotated: bool
) -> None:
    row = forgotten(make_submission)
    if rotated:
        rotate_digest_key(settings)
    for who in (
        ADA,
        SubscriberContext(subscriber_id=1001),
        SubscriberContext(subscriber_key="ada-1001"),
    ):
        new, _ = store.write(make_submission(who, job=88003))
        assert row in identity.requests_of(PARENT, who)
        row.refresh_from_db()
        known = {row.subscriber_digest, *row.identifier_digests}
        assert (new in identity.requests_of(PARENT, None, known)) or who.subscriber_id is None
    exported = data_export.exported_requests(context(ADA), {})
    assert row.received_at in [one.at for one in exported]


def test_a_forgotten_request_of_another_with_the_same_address_is_not_hers(
    make_submission: MakeSubmission,
) -> None:
    who = SubscriberContext(subscriber_id=1002, email_address="ada@example.com")
    row = forgotten(make_submission, who)
    assert row not in identity.requests_of(PARENT, ADA)
    assert row in identity.requests_of(PARENT, who)


def test_the_same_request_is_recognised_after_it_is_forgotten(
    make_submission: MakeSubmission,
) -> None:
    row = forgotten(make_submission)
    found = outbox.find(make_submission(ADA).context)
    assert found == row


def test_a_forgotten_request_cannot_be_tried_again(
    make_submission: MakeSubmission, admin_client: Client
) -> None:
    row = ended(store.write(make_submission(ADA))[0])
    rewrite(SubscriberRequest.objects.all(), status=Status.REFUSED)
    ResolutionNote.objects.create(request=row, note="unsubscribed by hand")
    retention.apply()
    assert outbox.requeue([row.pk]) == 0
    page = admin_client.get(f"{REQUESTS}{row.pk}/change/").content.decode()
    assert f"{row.pk}/try-again/" not in page


def test_the_events_of_our_own_calls_are_not_imported_once_the_request_is_forgotten(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    BusinessUnit.objects.update(import_events=True, retention_days=1)
    for who in (
        SubscriberContext(subscriber_id=1001),
        SubscriberContext(subscriber_key="ben-1002"),
    ):
        ended(store.write(make_submission(who))[0], days_ago=2)
    assert retention.apply()["requests"] == 2
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    event_import.import_unit(PARENT)
    assert not SubscriberRequest.objects.filter(channel="import").exists()


def test_an_imported_request_is_found_by_its_key_after_it_is_forgotten(
    sandbox: Sandbox, admin_client: Client
) -> None:
    BusinessUnit.objects.update(import_events=True)
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    event_import.import_unit(PARENT)
    ended(SubscriberRequest.objects.get())
    retention.apply()
    assert SubscriberRequest.objects.get().subscriber_key == ""
    for term in ("1001", "ada-1001", "ada@example.com"):
        assert "1 request" in seen(admin_client.get(REQUESTS, {"q": term}).content)


def test_emails_lost_links_and_declined_erasures_are_forgotten_too(
    make_submission: MakeSubmission, admin_user: object
) -> None:
    old = timezone.now() - timedelta(days=31)
    link_emails.request_new_link(context(ADA), language="en")
    LinkEmail.objects.update(status=EmailStatus.REFUSED, finished_at=old)
    for handled in (None, old, timezone.now()):
        LostLink.objects.create(
            unit_id=PARENT, email_address="ada@example.com", address_digest="x", handled_at=handled
        )
    erasure.request_erasure(context(ADA), language="en")
    erasure.decline(Erasure.objects.get(), user_id=admin_user.pk, note="no")  # type: ignore[attr-defined]
    Erasure.objects.update(declined_at=old)
    due = {name: number for name, number in retention.counts().items() if number}
    assert due == {"emails": 1, "lost_links": 1, "erasures": 1}
    retention.apply()
    email, asked = LinkEmail.objects.get(), Erasure.objects.get()
    assert (email.subscriber_id, email.subscriber_key, email.email_address) == (None, "", "")
    assert outbox.requeue_emails([email.pk]) == 0
    assert asked.subscriber is None
    assert LostLink.objects.count() == 2


def test_an_erasure_also_empties_the_digests_of_forgotten_requests(
    make_submission: MakeSubmission, admin_user: object, sandbox: Sandbox
) -> None:
    row = forgotten(make_submission)
    erasure.request_erasure(context(SubscriberContext(subscriber_id=1001)), language="en")
    assert erasure.grant(Erasure.objects.get(), user_id=admin_user.pk, note="") == 1  # type: ignore[attr-defined]
    row.refresh_from_db()
    assert row.identifier_digests == set()
    assert (row.address_digest, row.address_mask) == ("", "")
    # She is known by her key as well, which only the digest of the forgotten row told.
    store.write(make_submission(SubscriberContext(subscriber_key="ada-1001")))
    ended(SubscriberRequest.objects.get(status=Status.PENDING), days_ago=2)
    retention.apply()
    assert not SubscriberRequest.objects.filter(subscriber_key="ada-1001").exists()


def test_the_values_of_changes_are_removed(unit: BusinessUnit) -> None:
    row = made(
        40, kind=Kind.ADDRESS, value="new@example.com", target_type="address", target_id=None
    )
    row.save()
    retention.apply()
    row.refresh_from_db()
    assert row.value == ""


def test_the_command_counts_and_then_works_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 3)
    SubscriberRequest.objects.bulk_create(
        made(40, subscriber_id=one, **DONE) for one in range(1, 9)
    )
    out = StringIO()
    call_command("apply_retention", "--dry-run", stdout=out)
    assert "8 requests" in out.getvalue()
    assert SubscriberRequest.objects.filter(forgotten_at=None).count() == 8
    done: list[int] = []
    assert retention.apply(chunks=2, report=done.append)["requests"] == 6
    assert done == [3, 6]
    out = StringIO()
    call_command("apply_retention", stdout=out)
    assert "2 requests" in out.getvalue()
    assert not SubscriberRequest.objects.filter(forgotten_at=None).exists()


def test_a_forgotten_request_and_a_later_one_are_of_the_same_subscriber(
    make_submission: MakeSubmission,
) -> None:
    left = forgotten(make_submission)
    joined = ask(context(ADA).for_list(7001), Kind.SUBSCRIBE)
    assert joined.subscriber_digest == left.subscriber_digest


@pytest.fixture
def consent_text(unit: BusinessUnit) -> ConsentText:
    """A text that people agree to."""
    return ConsentText.objects.create(unit=unit, language="en", text="You agree.")


def of_list(days_ago: float, kind: Kind, **more: Any) -> SubscriberRequest:
    """Return a request about the list 7001, done some days ago."""
    given: dict[str, Any] = {"list_id": 7001, "target_type": "list", "target_id": 7001}
    given |= DONE | {"subscriber_digest": f"1:{more['subscriber_id']}"} | more
    return request(days_ago, kind=kind, **given)


def test_consent_is_kept_until_it_is_withdrawn_and_then_as_long_as_the_withdrawal(
    consent_text: ConsentText,
) -> None:
    text = {"consent_text": consent_text}
    stands = of_list(400, Kind.SUBSCRIBE, subscriber_id=1, **text)
    gone = of_list(400, Kind.SUBSCRIBE, subscriber_id=2, **text)
    of_list(40, Kind.UNSUBSCRIBE, subscriber_id=2)
    recent = of_list(400, Kind.SUBSCRIBE, subscriber_id=3, **text)
    of_list(20, Kind.UNSUBSCRIBE, subscriber_id=3)
    again = of_list(35, Kind.SUBSCRIBE, subscriber_id=2, **text)
    other = of_list(400, Kind.SUBSCRIBE, subscriber_id=2, **text | {
        "list_id": 7002, "target_id": 7002,
    })  # fmt: skip
    put_back = of_list(400, Kind.SUBSCRIBE, subscriber_id=4, **text)
    paused = of_list(300, Kind.UNSUBSCRIBE, subscriber_id=4)
    old = timezone.now() - timedelta(days=200)
    Pause.objects.create(
        request=paused, until=old, end_action="ask", ended_at=old, result="put_back"
    )
    undone = of_list(400, Kind.SUBSCRIBE, subscriber_id=5, status=Status.WITHDRAWN, **text)
    retention.apply()
    kept = SubscriberRequest.objects.filter(forgotten_at=None, kind=Kind.SUBSCRIBE)
    assert set(kept) == {stands, recent, again, other, put_back}
    assert not SubscriberRequest.objects.filter(pk__in=(gone.pk, undone.pk), forgotten_at=None)
    assert not retention.apply().get("requests")


def test_consent_ends_like_other_requests_where_the_unit_does_not_keep_it(
    consent_text: ConsentText,
) -> None:
    of_list(40, Kind.SUBSCRIBE, subscriber_id=1, consent_text=consent_text)
    BusinessUnit.objects.update(keeps_consent=False)
    assert retention.counts()["requests"] == 1
    assert retention.apply()["requests"] == 1
