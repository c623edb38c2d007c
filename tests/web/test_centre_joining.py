"""Subscribing and resubscribing: consent, confirmation by email, refusals."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import queue, rewrite, seen, settle
from unsub.alerting import detection
from unsub.delivery import sweep
from unsub.models import (
    BusinessUnit,
    Cause,
    ConsentText,
    DeliveryAttempt,
    LinkEmail,
    MailingList,
    MailingListText,
    MessageTypeState,
    PageText,
    QueueState,
    SubscriberRequest,
)
from unsub.sandbox import Sandbox

from .helpers import deliver, lists_of, mailed_link, offered, path, save, snapshot_of, ticked

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = "7004"


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre switched on."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    return unit


def due_now() -> None:
    """Make everything that waits due."""
    SubscriberRequest.objects.filter(status="pending").update(next_attempt_at=Now())
    for state in (QueueState, MessageTypeState):
        state.objects.filter(paused_until__isnull=False).update(paused_until=Now())


@pytest.fixture
def confirming(offering: BusinessUnit) -> None:
    """The unit requires confirmation by email."""
    BusinessUnit.objects.update(confirm_key="confirm-subscription")


def test_no_list_is_preselected(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    page = client.get(path(settings))
    assert EVENTS in offered(page.content)
    assert "By subscribing, you agree to get marketing emails from Example Outfitters" in seen(
        page.content
    )


def test_subscribing_stores_the_consent_text(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    answer = save(client, there, join=(EVENTS,))
    page = client.get(answer["Location"])
    assert "Subscribing" in seen(page.content)
    assert EVENTS in ticked(page.content)
    deliver()
    row = SubscriberRequest.objects.get()
    assert (row.kind, str(row.target), row.status, row.outcome) == (
        "subscribe", "list:7004", "done", "posted",
    )  # fmt: skip
    assert row.consent_text
    assert row.consent_text.text.startswith("By subscribing, you agree")
    assert row.consent_text.language == "en"
    assert lists_of(sandbox)[EVENTS] == "Active"
    (update,) = sandbox.updates()
    # Only what changed is sent.
    given = update["given"]
    assert (given["attributes"], given["status"], given["email_type"]) == ({}, None, None)
    assert [one["action"] for one in given["lists"]] == ["create"]
    cache.clear()
    assert EVENTS in ticked(client.get(there).content)


def test_a_changed_consent_text_is_a_new_version_and_has_to_be_shown_before_it_counts(
    client: Client, settings: Settings, sandbox: Sandbox, offering: BusinessUnit
) -> None:
    old = client.get(path(settings)).content
    save(client, path(settings, 1002), join=(EVENTS,))
    PageText.objects.create(unit=offering, language="en", place="consent", text="New words.")
    answer = save(client, path(settings), join=(EVENTS,), page=old)
    assert answer.status_code == 409
    assert "The consent text changed while this page was open." in seen(answer.content)
    # The ticked list is still ticked.
    assert EVENTS in ticked(answer.content)
    assert save(client, path(settings), page=answer.content).status_code == 303
    first, second = ConsentText.objects.order_by("pk")
    assert first.text.startswith("By subscribing, you agree")
    assert second.text == "New words."
    agreed = dict(SubscriberRequest.objects.values_list("subscriber_id", "consent_text"))
    assert agreed == {1002: first.pk, 1001: second.pk}


def test_with_double_opt_in_a_subscription_is_sent_once_it_is_confirmed(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    answer = save(client, path(settings), join=(EVENTS,))
    page = client.get(answer["Location"])
    assert "Waiting for you to confirm" in seen(page.content)
    assert EVENTS in offered(page.content)
    deliver()
    (email,) = sandbox.mails()
    assert (email["definition"], email["email"]) == ("confirm-subscription", "ada@example.com")
    assert dict(email["attributes"])["ProfileCentreAbout"] == "Events near you"
    assert "ProfileCentreLegal" not in dict(email["attributes"])
    assert EVENTS not in lists_of(sandbox)
    link = mailed_link(sandbox)
    # A scanner opens the link.
    for look in (client.get, client.head):
        assert look(link).status_code == look(f"{link}.").status_code == 200
    assert "Confirm that you want “ Events near you ” from Example Outfitters." in seen(
        client.get(link).content
    )
    deliver()
    assert EVENTS not in lists_of(sandbox)
    assert "Thanks, that’s confirmed" in seen(client.post(link).content)
    deliver()
    row = SubscriberRequest.objects.get(kind="subscribe")
    assert (row.status, row.confirmed_at is not None) == ("done", True)
    assert lists_of(sandbox)[EVENTS] == "Active"
    # Confirming again, or opening the page again, changes nothing.
    assert "Thanks, that’s confirmed" in seen(client.post(link).content)
    assert SubscriberRequest.objects.filter(kind="subscribe").count() == 1


def test_an_unconfirmed_subscription_expires_after_a_week(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    save(client, path(settings), join=(EVENTS,))
    deliver()
    long_ago = "2026-01-01T00:00:00+00:00"
    rewrite(SubscriberRequest.objects.filter(kind="subscribe"), received_at=long_ago)
    sweep.sweep()
    assert SubscriberRequest.objects.get(kind="subscribe").status == "withdrawn"
    answer = client.post(mailed_link(sandbox))
    assert (answer.status_code, SubscriberRequest.objects.filter(status="pending").count()) == (
        404,
        0,
    )


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "🙂", "MQ:1:x" * 300])
def test_an_invalid_confirmation_link_shows_a_page_that_says_so(
    client: Client, unit: BusinessUnit, token: str
) -> None:
    for send in (client.get, client.post):
        answer = send(f"/c/{token}")
        assert answer.status_code == 404
        assert "This link is no longer valid" in seen(answer.content)


def test_a_subscriber_who_unsubscribed_from_everything_can_resubscribe(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    client.post(there, {"everything": "1"})
    deliver()
    assert sandbox.person(1001)["status"] == "Unsubscribed"
    cache.clear()
    page = client.get(there)
    assert "Resubscribe" in seen(page.content)
    assert "Weekly offers" not in seen(page.content)
    client.post(there, {"snapshot": snapshot_of(page.content), "again": "1"})
    deliver()
    row = SubscriberRequest.objects.get(kind="resubscribe")
    assert (row.status, row.outcome) == ("done", "posted")
    assert sandbox.person(1001)["status"] == "Active"


def test_a_refused_subscription_needs_a_person_and_holds_no_unsubscribe(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    sandbox.cue("resubscribe_12018", times=None)
    there = path(settings)
    save(client, there, join=(EVENTS,))
    save(client, path(settings, 1002), leave=("7001",))
    deliver()
    row = SubscriberRequest.objects.get(kind="subscribe")
    assert (row.status, row.error_code) == ("refused", 12018)
    assert "We couldn’t make all your changes automatically." in seen(client.get(there).content)
    assert len(sandbox.events()) == 1
    assert not queue().is_held


@pytest.mark.parametrize(
    ("fault", "operation"),
    [("no_permission", None), ("fault_11", "Update"), ("fault_11", "Retrieve:ListSubscriber")],
)
def test_a_subscription_waits_for_a_missing_right_and_holds_no_unsubscribe(
    client: Client, settings: Settings, sandbox: Sandbox, fault: str, operation: str | None
) -> None:
    there = path(settings)
    save(client, there, join=(EVENTS,))
    save(client, path(settings, 1002), leave=("7001",))
    sandbox.cue(fault, times=None, operation=operation)
    for _ in range(7):
        due_now()
        deliver()
    row = SubscriberRequest.objects.get(kind="subscribe")
    assert (row.status, row.outcome) == ("pending", "misconfigured")
    assert len(sandbox.events()) == 1
    assert not queue().is_held
    found = [(one.cause, one.detail) for one in detection.find()]
    assert found == [(Cause.HELD, "update alone: no right for this call")]
    sandbox.clear()
    due_now()
    deliver()
    row.refresh_from_db()
    assert row.status == "done"
    assert not list(detection.find())


def test_subscribing_to_a_list_again_needs_no_call(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    page = client.get(there).content
    save(client, there, join=(EVENTS,))
    deliver()
    # As after a lost reply: the same request is tried again.
    SubscriberRequest.objects.update(status="pending", next_attempt_at=Now(), finished_at=None)
    deliver()
    row = SubscriberRequest.objects.get()
    assert (row.status, row.outcome) == ("done", "already_subscribed")
    assert len(sandbox.updates()) == 1
    assert EVENTS in offered(page)


def test_lists_that_the_page_does_not_offer_cannot_be_subscribed_to(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    of = snapshot_of(client.get(there).content)
    form: dict[str, Any] = {
        "snapshot": of,
        "keep": ["7001", "7002", "7003", "7000", "7009", "7101"],
    }
    client.post(there, form)
    assert not SubscriberRequest.objects.exists()


def test_a_lost_confirmation_email_can_be_requested_again(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    there = path(settings)
    for _ in range(2):
        save(client, there, join=(EVENTS,))
        deliver()
    # Not at once: otherwise one link could flood a mailbox.
    assert len(sandbox.mails()) == 1
    rewrite(LinkEmail.objects.all(), received_at="2026-01-01T00:00:00+00:00")
    save(client, there, join=(EVENTS,))
    deliver()
    assert len(sandbox.mails()) == 2
    assert SubscriberRequest.objects.get() == LinkEmail.objects.order_by("pk")[1].request


def test_an_unsubscribe_voids_an_earlier_unconfirmed_subscription(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    there = path(settings)
    save(client, there, join=(EVENTS,))
    deliver()
    client.post(there, {"everything": "1"})
    for send in (client.get, client.post):
        answer = send(mailed_link(sandbox))
        assert answer.status_code == 404
        assert "This link is no longer valid" in seen(answer.content)
    deliver()
    assert EVENTS not in lists_of(sandbox)


def test_no_confirmation_email_is_sent_for_a_withdrawn_or_erased_request(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    save(client, path(settings), join=(EVENTS,))
    save(client, path(settings, 1002), join=(EVENTS,))
    # One was never confirmed, while Marketing Cloud was unavailable.
    settle(SubscriberRequest.objects.filter(subscriber_id=1001), "withdrawn")
    deliver()
    assert [email["email"] for email in sandbox.mails()] == ["grace@example.com"]
    emails = LinkEmail.objects.order_by("subscriber_id")
    assert list(emails.values_list("status", "attempts")) == [("cancelled", 0), ("done", 1)]
    # Nor is it in anybody's way: the same can be asked for again at once.
    assert emails[0].idempotency_key is None


def test_a_list_can_be_unsubscribed_from_although_no_email_was_ever_sent_to_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    save(client, there, join=(EVENTS,))
    save(client, path(settings, 1002), leave=("7001",))
    deliver()
    cache.clear()
    save(client, there, leave=(EVENTS,))
    deliver()
    row = SubscriberRequest.objects.get(kind="unsubscribe", subscriber_id=1001)
    assert (row.status, row.outcome) == ("done", "unsubscribed_without_event")
    assert lists_of(sandbox)[EVENTS] == "Unsubscribed"
    assert lists_of(sandbox)["7001"] == "Active"
    attempts = DeliveryAttempt.objects.filter(request=row).order_by("number")
    assert list(attempts.values_list("call_method", "error_code")) == [
        ("event", 400),
        ("update", None),
    ]
    assert [event["subscriber_id"] for event in sandbox.events()] == [1002]


def test_the_page_to_confirm_names_the_list_in_its_language(
    client: Client, settings: Settings, sandbox: Sandbox, offering: BusinessUnit, confirming: None
) -> None:
    own = MailingList.objects.create(unit=offering, list_id=7004, name="Events near you")
    MailingListText.objects.create(mailing_list=own, language="de", name="Termine")
    save(client, path(settings), join=(EVENTS,))
    deliver()
    link = mailed_link(sandbox)
    assert "Events near you" in seen(client.get(link).content)
    for answer in (client.get(f"{link}?lang=de"), client.post(f"{link}?lang=de")):
        assert "Termine" in seen(answer.content)
        assert "Events near you" not in seen(answer.content)
