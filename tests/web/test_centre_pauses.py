"""Pauses, a new link for an old one, and data subject requests: access and erasure."""

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import seen, settle
from unsub import tasks
from unsub.delivery import sweep
from unsub.domain.context import SubscriberContext
from unsub.infra import kept
from unsub.models import (
    BusinessUnit,
    DeliveryAttempt,
    Erasure,
    LinkEmail,
    LostLink,
    Pause,
    SubscriberRequest,
    Topic,
)
from unsub.outbox import erasure as erasure_requests
from unsub.outbox import pauses
from unsub.sandbox import Sandbox
from unsub.sandbox.world.sample import PREFERENCES

from .helpers import deliver, lists_of, mailed_link, path, save, snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre, and pauses that end without asking."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(
        profile_centre=True, pause_offered=True, pause_end_action="put_back", protects_details=False
    )
    return unit


def pause(client: Client, there: str, what: str = "7001", days: str = "30") -> None:
    """Begin a pause."""
    of = snapshot_of(client.get(there).content)
    client.post(f"{there}/pause", {"snapshot": of, "what": what, "days": days})


def pass_time(days: int) -> None:
    """Let days pass, for pauses."""
    Pause.objects.update(until=F("until") - timedelta(days=days))


@pytest.mark.parametrize(("what", "kind"), [("7001", "subscribe"), ("all", "resubscribe")])
def test_a_pause_unsubscribes_and_later_subscribes_again(
    client: Client, settings: Settings, sandbox: Sandbox, what: str, kind: str
) -> None:
    there = path(settings)
    pause(client, there, what)
    deliver()
    assert lists_of(sandbox)["7001"] == "Unsubscribed"
    cache.clear()
    assert "Paused until" in seen(client.get(there).content)
    pass_time(29)
    assert list(pauses.end_due()) == []
    pass_time(1)
    tasks.end_pauses()
    assert list(pauses.end_due()) == []
    deliver()
    assert lists_of(sandbox)["7001"] == "Active"
    assert SubscriberRequest.objects.get(kind=kind).status == "done"
    assert Pause.objects.get().result == "put_back"


def test_at_the_end_of_a_pause_the_subscriber_is_asked_by_email(
    client: Client, settings: Settings, sandbox: Sandbox, offering: BusinessUnit
) -> None:
    there = path(settings)
    BusinessUnit.objects.update(pause_end_action="ask")
    # Without an email to ask by, pauses are not offered.
    assert "Pause emails" not in seen(client.get(there).content)
    BusinessUnit.objects.update(ask_back_key="ask-back")
    kept.forget_all()
    pause(client, there)
    pass_time(30)
    deliver()
    assert list(pauses.end_due()) == [offering.mid]
    deliver()
    (message,) = sandbox.mails()
    assert (message["definition"], message["email"]) == ("ask-back", "ada@example.com")
    email = LinkEmail.objects.get()
    assert (email.purpose, email.pause, email.status) == ("ask_back", Pause.objects.get(), "done")
    assert lists_of(sandbox)["7001"] == "Unsubscribed"
    cache.clear()
    page = client.get(mailed_link(sandbox))
    assert "Weekly offers" in seen(page.content)


def test_a_pause_can_be_ended_early(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    there = path(settings)
    pause(client, there)
    deliver()
    number = str(Pause.objects.get().pk)
    # Another subscriber's link does not end it.
    client.post(f"{path(settings, 1002)}/pause", {"end": number})
    assert Pause.objects.get().ended_at is None
    client.post(f"{there}/pause", {"end": number})
    client.post(f"{there}/pause", {"end": number})
    deliver()
    assert lists_of(sandbox)["7001"] == "Active"
    assert (Pause.objects.get().result, SubscriberRequest.objects.count()) == ("cancelled", 2)


@pytest.mark.parametrize(
    ("how", "result"),
    [("stay", "stayed"), ("leave again", "stayed"), ("everything", "overridden")],
)
def test_an_unsubscribe_during_a_pause_is_final(
    client: Client, settings: Settings, sandbox: Sandbox, how: str, result: str
) -> None:
    there = path(settings)
    page = client.get(there).content
    pause(client, there)
    if how == "stay":
        client.post(f"{there}/pause", {"stay": str(Pause.objects.get().pk)})
    elif how == "everything":
        client.post(there, {"everything": "1"})
    else:
        save(client, there, leave=("7001",), page=page)
    deliver()
    pass_time(60)
    assert list(pauses.end_due()) == []
    deliver()
    assert lists_of(sandbox)["7001"] == "Unsubscribed"
    assert Pause.objects.get().result == result


def test_a_pause_ends_with_a_new_subscription(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    pause(client, there)
    deliver()
    cache.clear()
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    save(client, there, join=("7001",))
    # An unconfirmed subscription changes nothing.
    assert "Paused until" in seen(client.get(there).content)
    subscription = SubscriberRequest.objects.get(kind="subscribe")
    SubscriberRequest.objects.filter(pk=subscription.pk).update(status="pending")
    assert "Paused until" not in seen(client.get(there).content)
    SubscriberRequest.objects.filter(pk=subscription.pk).update(status="waiting")
    pass_time(30)
    assert list(pauses.end_due()) == [subscription.unit_id]
    assert Pause.objects.get().result == "put_back"


@pytest.mark.parametrize(
    "form", [{"what": "7003"}, {"what": "x"}, {"days": "365"}, {"days": ""}, {"snapshot": "x"}]
)
def test_a_pause_with_invalid_values_is_not_stored(
    client: Client, settings: Settings, sandbox: Sandbox, form: dict[str, str]
) -> None:
    there = path(settings)
    good = {"snapshot": snapshot_of(client.get(there).content), "what": "7001", "days": "30"}
    assert client.post(f"{there}/pause", good | form).status_code == 303
    assert not SubscriberRequest.objects.exists()


def old(settings: Settings, subscriber: int = 1001) -> str:
    """Return the path of a link that is too old for the profile centre."""
    return path(settings, subscriber, issued_at=int(time.time()) - 91 * 86_400)


def test_an_old_link_gets_a_new_one_by_email_and_the_page_reveals_nothing(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    assert "Email me a new link" not in seen(client.get(old(settings)).content)
    BusinessUnit.objects.update(new_link_key="new-link")
    kept.forget_all()
    assert "Email me a new link" in seen(client.get(old(settings)).content)
    answers = set()
    for subscriber in (1001, 1001, 999_999):
        answer = client.post(f"{old(settings, subscriber)}/new-link", follow=True)
        answers.add(seen(answer.content))
    assert len(answers) == 1
    deliver()
    (message,) = sandbox.mails()
    assert (message["definition"], message["email"]) == ("new-link", "ada@example.com")
    fresh = mailed_link(sandbox)
    assert fresh.count(".") == 4  # sealed: its content is encrypted
    page = client.get(fresh)
    assert "Weekly offers" in seen(page.content)
    # Unsubscribing by it is still an event of the email's job.
    save(client, fresh, leave=("7001",))
    deliver()
    assert sandbox.events()[-1]["job_id"] == 88002


def test_reading_the_new_link_page_sends_no_email(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(new_link_key="new-link")
    for look in (client.get, client.head, client.options):
        look(f"{old(settings)}/new-link")
    assert not LinkEmail.objects.exists()


def test_subscribers_can_read_and_download_their_data(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    save(client, there, leave=("7001",), join=("7004",))
    deliver()
    cache.clear()
    words = seen(client.get(f"{there}/yours").content)
    assert "Unsubscribe: Weekly offers Done" in words
    assert re.search(r"Subscribe: Events near you Done \d{1,2} \w+ \d{4}", words)
    assert "ada@example.com" not in words
    answer = client.get(f"{there}/yours.json")
    held = json.loads(answer.content)
    assert "attachment" in answer["Content-Disposition"]
    assert held["your_profile"]["email_address"] == "ada@example.com"
    assert held["your_profile"]["details"]["City"] == "London"
    assert "Internal score" not in held["your_profile"]["details"]
    assert [one["type"] for one in held["your_requests"]] == ["subscribe", "unsubscribe"]
    assert all(one["marketing_cloud_request_id"] for one in held["your_requests"])
    sandbox.cue("http_500", times=None)
    cache.clear()
    held = json.loads(client.get(f"{there}/yours.json").content)
    assert (held["your_profile"], len(held["your_requests"])) == (None, 2)


def test_the_names_in_the_download_are_those_of_the_documentation(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    """Programs read the file: a change of a name is a new `format_version`."""
    there = path(settings)
    save(client, there, join=("7004",))
    deliver()
    Topic(
        unit_id=510001, code="tips", name="Tips", column="Tips", data_extension=PREFERENCES,
        key_column="SubscriberKey",
    ).save()  # fmt: skip
    cache.clear()
    held = json.loads(client.get(f"{there}/yours.json").content)
    text = (Path(__file__).parents[2] / "docs/profile-centre.md").read_text()
    table = text.partition("## The downloaded file")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([a-z_.]+)`", table, re.MULTILINE))
    (one,) = held["your_requests"]
    lists = held["your_profile"]["mailing_lists"]
    found = {
        *held,
        *(f"your_profile.{name}" for name in held["your_profile"]),
        *(f"your_profile.mailing_lists.{name}" for name in lists[0]),
        *(f"your_profile.topics.{name}" for name in held["your_profile"]["topics"][0]),
        *(f"your_requests.{name}" for name in one),
        *(f"your_requests.consent.{name}" for name in one["consent"]),
    }
    assert found == documented
    assert (held["format_version"], held["sender"]) == (1, "Example Outfitters")
    assert (one["about"], one["list_id"], one["status"]) == ("Events near you", 7004, "done")
    assert one["consent"]["text"].startswith("By subscribing, you agree")
    assert one["consent_receipt_id"].startswith("CR-")


def test_emails_with_links_are_held_of_a_person_too_and_erased(
    client: Client, settings: Settings, sandbox: Sandbox, django_user_model: Any
) -> None:
    BusinessUnit.objects.update(new_link_key="new-link", confirm_key="confirm-subscription")
    there = path(settings)
    client.post(f"{there}/new-link")
    deliver()
    cache.clear()
    assert "New link by email Done" in seen(client.get(f"{there}/yours").content)
    save(client, there, join=("7004",))
    held = json.loads(client.get(f"{there}/yours.json").content)
    assert [
        [(one["type"], one["about"], one["status"]) for one in held[name]]
        for name in ("your_requests", "emails_to_you")
    ] == [
        [
            ("subscribe", "Events near you", "waiting_for_confirmation"),
            ("email", "new_link", "done"),
        ],
        [("email", "confirm", "in_progress")],
    ]
    client.post(f"{there}/erase")
    marketer = django_user_model.objects.create(username="mara")
    erasure = Erasure.objects.get()
    # One that a worker is just sending comes first, as with requests.
    waiting = LinkEmail.objects.filter(purpose="confirm")
    waiting.update(status="sending", lease=uuid4(), lease_until=Now(), attempts=1)
    with pytest.raises(erasure_requests.StillOpenError):
        erasure_requests.grant(erasure, user_id=marketer.pk, note="")
    waiting.update(status="pending", lease=None, lease_until=None)
    assert erasure_requests.grant(erasure, user_id=marketer.pk, note="") == 1
    emails = LinkEmail.objects.order_by("pk")
    assert [(one.purpose, one.status) for one in emails] == [
        ("new_link", "done"), ("confirm", "cancelled"),
    ]  # fmt: skip
    for one in emails:
        assert (one.subscriber_id, one.email_address, one.address_mask) == (None, "", "")
        assert one.subscriber_key.startswith("erased-")
    deliver()
    assert len(sandbox.mails()) == 1


def test_the_data_export_has_no_requests_of_others_with_the_same_address(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    def link(number: int | None, key: str | None = None, job: int = 88002) -> str:
        return path(settings, SubscriberContext(
            subscriber_id=number, subscriber_key=key, email_address="ada@example.com",
        ), job=job)  # fmt: skip

    for there in (link(1001), link(1001, "ada-1001", job=88003), link(1002)):
        client.post(there, {"everything": "1"})
    found = json.loads(client.get(f"{link(1001)}/yours.json").content)
    # Links that identify her by more, or by fewer, identifiers are of the same person.
    assert (len(found["your_requests"]), SubscriberRequest.objects.count()) == (2, 3)
    assert (
        SubscriberRequest.objects.filter(subscriber_id=1001)
        .values("subscriber_digest")
        .distinct()
        .count()
        == 1
    )


def test_erasing_a_subscriber_leaves_others_with_the_same_address(
    client: Client, settings: Settings, sandbox: Sandbox, django_user_model: Any
) -> None:
    def link(**who: Any) -> str:
        return path(settings, SubscriberContext(**who, email_address="ada@example.com"))

    ada = link(subscriber_id=1001, subscriber_key="ada-1001")
    bob = link(subscriber_id=1002)
    for there in (ada, bob, link(subscriber_key="ada-1001")):
        client.post(there, {"everything": "1"})
    client.post(f"{ada}/erase")
    settle(SubscriberRequest.objects.all(), "done")
    marketer = django_user_model.objects.create(username="mara")
    # Hers are those under her ID and under her key; a row under another ID is not.
    assert erasure_requests.grant(Erasure.objects.get(), user_id=marketer.pk, note="") == 2
    left = SubscriberRequest.objects.exclude(email_address="")
    assert [row.subscriber_id for row in left] == [1002]


def test_erasing_removes_the_identifiers_and_keeps_the_proof(
    client: Client, settings: Settings, sandbox: Sandbox, django_user_model: Any
) -> None:
    there = path(settings)
    save(client, there, leave=("7001",))
    client.post(f"{there}/erase")
    client.post(f"{there}/erase")
    erasure = Erasure.objects.get()
    LostLink.objects.create(
        unit_id=erasure.unit_id, email_address="bob@example.com", address_digest="x"
    )
    marketer = django_user_model.objects.create(username="mara")
    with pytest.raises(erasure_requests.StillOpenError):
        erasure_requests.grant(erasure, user_id=marketer.pk, note="")
    deliver()
    assert erasure_requests.grant(erasure, user_id=marketer.pk, note="as asked") == 1
    row = SubscriberRequest.objects.get()
    assert (row.subscriber_id, row.email_address, row.address_digest) == (None, "", "")
    assert row.subscriber_key.startswith("erased-")
    assert "1001" not in row.subscriber_key
    assert (row.job_id, row.list_id, row.status, row.outcome) == (88002, 7001, "done", "posted")
    assert row.sfmc_request_id
    assert DeliveryAttempt.objects.filter(request=row, outcome="posted").count() == 1
    erasure.refresh_from_db()
    assert (erasure.subscriber, erasure.granted_at is not None) == (None, True)
    assert LostLink.objects.count() == 1
    # With the link, the subscriber can still see the remaining data.
    assert "Unsubscribe: Weekly offers" in seen(client.get(f"{there}/yours").content)
    assert sweep.sweep() == []


@pytest.mark.parametrize("what", ["7001", "all"])
@pytest.mark.parametrize("is_sent", [False, True])
def test_during_a_pause_the_unsubscribe_page_has_its_button(
    client: Client, settings: Settings, sandbox: Sandbox, what: str, is_sent: bool
) -> None:
    there = path(settings)
    pause(client, there, what)
    if is_sent:
        deliver()
    query = "?everything=1" if what == "all" else ""
    page = client.get(f"{there.replace('/p/', '/u/')}{query}")
    assert "You’re unsubscribed" not in seen(page.content)
    (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.content.decode())
    answer = client.post(action.replace("&amp;", "&"), {"form": "page"}, follow=True)
    assert "You’re unsubscribed" in seen(answer.content)
    assert Pause.objects.get().result == "stayed"


def test_the_end_of_a_pause_that_another_tab_has_ended_is_not_called_saved(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    pause(client, there)
    number = str(Pause.objects.get().pk)
    first = client.post(f"{there}/pause", {"stay": number}, follow=True)
    assert "Your changes are saved." in seen(first.content)
    second = client.post(f"{there}/pause", {"end": number}, follow=True)
    assert "Your changes are saved." not in seen(second.content)
