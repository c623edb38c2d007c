"""Timelines of each kind of request from the profile centre."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import Client

from tests.helpers import MakeSubmission, seen, settle
from unsub.models import (
    BusinessUnit,
    DeliveryAttempt,
    EmailStatus,
    Kind,
    LinkEmail,
    MailingList,
    Outcome,
    Pause,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import pauses, store
from unsub.outbox.submission import Change
from unsub.reporting.explanations import ERROR_CODES, OUTCOMES, STATUSES, explain

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"
WORDS = "By ticking a list you agree that we send you its mail."


@pytest.fixture(autouse=True)
def named(unit: BusinessUnit) -> None:
    """A list that has a name."""
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")


def asked(
    make_submission: MakeSubmission, change: Change | None, **more: object
) -> SubscriberRequest:
    """Return the row of a request from the profile centre."""
    submission = replace(make_submission(channel="profile", language="en"), change=change, **more)  # type: ignore[arg-type]
    return store.write(submission)[0]


def page(client: Client, one: SubscriberRequest, what: str = "change") -> str:
    """Return the text of a request's page."""
    return seen(client.get(f"{LIST}{one.pk}/{what}/").content)


def attempt(one: SubscriberRequest | None, outcome: str, **more: object) -> None:
    """Insert an attempt."""
    lease = "00000000-0000-4000-8000-000000000001"
    fields: dict[str, object] = {"number": 1, "started_at": Now(), "finished_at": Now()}
    DeliveryAttempt.objects.create(request=one, lease=lease, outcome=outcome, **fields | more)


@pytest.mark.parametrize(
    ("change", "row", "story"),
    [
        (Change(kind=Kind.SUBSCRIBE), "subscribe to Weekly offers (7001)",
         "The subscriber asked to subscribe to Weekly offers (7001) in the preference center."),
        (Change(kind=Kind.RESUBSCRIBE), "resubscribe",
         "The subscriber asked to resubscribe"),
        (Change(kind=Kind.ATTRIBUTE, name="City", value="Geheimstadt"), "City",
         "The subscriber changed City in the preference center."),
        (Change(kind=Kind.FORMAT, value="Text"), "change email format",
         "The subscriber changed the email format to plain text"),
        (Change(kind=Kind.ADDRESS, value="new@example.org"), "change email address",
         "The subscriber asked to change the email address (n•••@example.org)"),
        (None, "unsubscribe from Weekly offers (7001)",
         "Unsubscribed from Weekly offers (7001) in the preference center."),
    ],
)  # fmt: skip
def test_each_kind_is_described_and_its_value_shown_on_its_own_page_only(
    admin_client: Client,
    make_submission: MakeSubmission,
    change: Change | None,
    row: str,
    story: str,
) -> None:
    one = asked(make_submission, change)
    listed = seen(admin_client.get(LIST).content)
    assert row in listed
    words = page(admin_client, one)
    assert story in words
    value = change.value if change else ""
    if len(value) > 4:
        assert value in words
        assert value not in listed
    assert one.get_kind_display() in words


def test_requests_can_be_filtered_by_kind(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(make_submission, Change(kind=Kind.FORMAT, value="Text"))
    for kind, found in (("format", True), ("subscribe", False)):
        html = admin_client.get(f"{LIST}?kind__exact={kind}").content.decode()
        assert (f"{LIST}{one.pk}/change/" in html) is found


def test_consent_is_shown_with_its_text_and_confirmation(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(
        make_submission, Change(kind=Kind.SUBSCRIBE, consent_text=WORDS, needs_confirmation=True)
    )
    assert one.consent_text
    before = page(admin_client, one)
    assert "waiting for confirmation" in before
    assert f"Agreed to consent text version {one.consent_text.pk} (English): “{WORDS}”" in before
    assert "Waiting for the subscriber to confirm by email." in before
    assert "Confirmed by email Not confirmed" in page(admin_client, one, "proof")
    outbox.confirm(one)
    after = page(admin_client, one)
    assert "The subscriber confirmed by email." in after
    proof = page(admin_client, one, "proof")
    version = f"Version {one.consent_text.pk}, English, first used"
    assert f"Consent text “{WORDS}” {version}" in proof
    assert re.search(r"Confirmed by email \d{4}-\d\d-\d\d", proof)
    assert "Subscribe to Weekly offers (7001)" in proof


def test_an_unconfirmed_request_says_so(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(
        make_submission, Change(kind=Kind.SUBSCRIBE, consent_text=WORDS, needs_confirmation=True)
    )
    SubscriberRequest.objects.filter(pk=one.pk).update(status=Status.WITHDRAWN, finished_at=Now())
    words = page(admin_client, one)
    assert "Not confirmed in time. Not sent." in words
    assert "Undone by the subscriber." not in words


def test_a_superseded_request_links_to_the_one_that_counts(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    old = asked(make_submission, Change(kind=Kind.ATTRIBUTE, name="City", value="Ulm"))
    new = asked(make_submission, Change(kind=Kind.ATTRIBUTE, name="City", value="Bonn"))
    SubscriberRequest.objects.filter(pk=old.pk).update(
        status=Status.SUPERSEDED, superseded_by=new, finished_at=Now()
    )
    html = admin_client.get(f"{LIST}{old.pk}/change/").content.decode()
    assert f'href="{LIST}{new.pk}/change/">#{new.pk}</a>' in html
    assert f"Replaced by request #{new.pk}. Not sent." in html
    assert "unsub-badge-superseded" in admin_client.get(LIST).content.decode()


def test_calls_are_named_by_their_message(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(make_submission, Change(kind=Kind.FORMAT, value="Text"))
    attempt(one, Outcome.POSTED, sfmc_request_id="req-7")
    words = page(admin_client, one)
    assert "Attempt 1: subscriber update sent" in words
    assert "Confirmed by Marketing Cloud. (request ID req-7)" in words
    assert "LogUnsubEvent" not in words


def test_the_timeline_of_a_request_that_waits_shows_its_confirmation_email(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(
        make_submission, Change(kind=Kind.SUBSCRIBE, consent_text=WORDS, needs_confirmation=True)
    )
    email = LinkEmail.objects.get()
    attempt(None, Outcome.POSTED, link_email=email, sfmc_request_id="req-7")
    settle(LinkEmail.objects.all(), "done")
    words = page(admin_client, one)
    assert f"A confirmation email was requested. #{email.pk}" in words
    assert f"Attempt 1: triggered send sent to Marketing Cloud. #{email.pk}" in words
    assert "Marketing Cloud accepted the email for sending. (request ID req-7)" in words
    there = f"/admin/unsub/linkemail/{email.pk}/change/"
    assert f'href="{there}"' in admin_client.get(f"{LIST}{one.pk}/change/").content.decode()
    # And back: the email says which request it confirms, and shows its own attempt.
    html = admin_client.get(there).content.decode()
    assert f'href="{LIST}{one.pk}/change/"' in html
    assert "req-7" in html
    # It is no request itself.
    assert SubscriberRequest.objects.count() == 1
    assert f"{LIST}{one.pk}/change/" in admin_client.get(LIST).content.decode()


def test_the_timeline_says_that_an_email_was_no_longer_needed(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(
        make_submission, Change(kind=Kind.SUBSCRIBE, consent_text=WORDS, needs_confirmation=True)
    )
    LinkEmail.objects.update(status="cancelled", finished_at=Now())
    assert "The email wasn’t sent: it was no longer needed." in page(admin_client, one)


def test_no_call_is_shown_where_none_was_made(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(make_submission, Change(kind=Kind.ATTRIBUTE, name="Gone", value="x"))
    attempt(one, Outcome.REFUSED, detail="no such attribute")
    SubscriberRequest.objects.update(status=Status.REFUSED, outcome="refused", finished_at=Now())
    words = page(admin_client, one)
    assert "sent to Marketing Cloud" not in words
    assert "looked up the subscriber in Marketing Cloud" in words
    assert words.count("This attribute no longer exists") == 3  # in words, timeline and attempt
    assert "Retry" in words


def test_a_refused_change_can_be_requeued(
    admin_client: Client, make_submission: MakeSubmission
) -> None:
    one = asked(make_submission, Change(kind=Kind.FORMAT, value="Text"))
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    admin_client.post(f"{LIST}{one.pk}/try-again/")
    one.refresh_from_db()
    assert one.status == Status.PENDING


@pytest.mark.parametrize("ends", ["ask", "put_back"])
def test_a_pause_is_shown_from_its_beginning_to_its_end(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission, ends: str
) -> None:
    unit.pause_offered, unit.pause_end_action, unit.ask_back_key = True, ends, "ask-back"
    unit.save()
    left = asked(make_submission, None, pause_days=30)
    words = page(admin_client, left)
    assert re.search(r"Paused until \d{4}-\d\d-\d\d. Then:", words)
    Pause.objects.update(until=Now() - timedelta(seconds=1))
    settle(SubscriberRequest.objects.all(), Status.DONE)
    list(pauses.end_due())
    if ends == "ask":
        words = page(admin_client, left)
        assert "An email asks whether to restart" in words
        email = LinkEmail.objects.get()
        assert f"asks whether the subscriber wants to restart. #{email.pk}" in words
        assert not SubscriberRequest.objects.exclude(pk=left.pk).exists()
        return
    after = SubscriberRequest.objects.exclude(pk=left.pk).get()
    assert "Resubscribed automatically, as announced" in page(admin_client, left)
    words = page(admin_client, after)
    assert f"Pause #{left.pk} ended. The subscriber is resubscribed to Weekly offers" in words
    assert "The subscriber asked" not in words


def test_the_timeline_says_that_the_subscriber_ended_a_pause(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    unit.pause_offered, unit.pause_end_action = True, "put_back"
    unit.save()
    left = asked(make_submission, None, pause_days=30)
    settle(SubscriberRequest.objects.filter(pk=left.pk), Status.DONE)
    pause = Pause.objects.get()
    outbox.end_pause(pause, token=make_submission().token, subscribe=True)
    back = SubscriberRequest.objects.exclude(pk=left.pk).get()
    assert f"The subscriber ended pause #{left.pk} and is resubscribed to Weekly" in page(
        admin_client, back
    )


def test_every_status_outcome_and_detail_has_an_explanation() -> None:
    assert set(OUTCOMES) == set(Outcome)
    assert set(STATUSES) == {*Status.values, *EmailStatus.values}
    assert 12018 in ERROR_CODES
    table = (settings.BASE_DIR / "docs" / "outcomes.md").read_text()
    kinds = Path(settings.BASE_DIR, "unsub", "delivery", "kinds")
    for module in ("unsubscribe", "update", "link_email"):
        source = (kinds / f"{module}.py").read_text()
        found = re.findall(r'detail="([^"]+)"', source)
        assert found
        for detail in found:
            assert explain("", None, detail), detail
            assert f"| `{detail}` |" in table, detail
    assert "Unsubscribed through an Update" in explain("unsubscribed_without_event", None)


def test_a_missing_right_is_explained_by_its_effect() -> None:
    assert "doesn’t have permission" in explain("refused", 12)
    assert "No requests are lost" in explain("misconfigured", 12)
