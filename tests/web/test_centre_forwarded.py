"""What a forwarded link can do: show nothing of a person's details, and change the address only as
the address on file allows."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.delivery.helpers import due_now
from tests.helpers import context, rewrite, rotate_digest_key, seen
from unsub.domain.context import PROOF_SECONDS, SubscriberContext
from unsub.infra import rate_limit
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, EmailStatus, Erasure, LinkEmail, Purpose, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import erasure
from unsub.sandbox import Sandbox

from .helpers import deliver, lists_of, mailed_link, path, save, snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = "ada@example.com", "attacker@example.org"
VALUES = ("Ada", "Sample", "1990", "London", "L-20417", OLD)


@pytest.fixture(autouse=True)
def centre(unit: BusinessUnit, settings: Settings) -> None:
    """The parent unit with the profile centre and all its emails, protected as by default, and
    Redis without rate limit counters."""
    cache.clear()
    BusinessUnit.objects.update(
        profile_centre=True, confirm_address_key="confirm-address", new_link_key="new-link",
        address_notice_key="address-notice", confirm_key="confirm-subscription",
    )  # fmt: skip
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        for key in broker.scan_iter("profilecenter:rate_limit:*"):
            broker.delete(key)


def proved(settings: Settings, *, until: float | None = None, seal: bool = True) -> str:
    """Return the path of Ada's profile centre as the email with a new link has it."""
    now = int(time.time())
    proof = now + PROOF_SECONDS if until is None else int(until)
    link = context(1001, issued_at=now, proved_until=proof)
    return f"/p/{sign_link(link, keys=settings.LINK_KEYRING, seal=seal)}"


def ask(client: Client, there: str, address: str = NEW) -> HttpResponse:
    """Submit the details form with a new address."""
    page = client.get(f"{there}/details")
    form = {"snapshot": snapshot_of(page.content), "address": address}
    return client.post(f"{there}/details", form)  # type: ignore[return-value]


def link_to(sandbox: Sandbox, address: str) -> str:
    """Return the path of the link in the newest email to an address."""
    mail = next(one for one in reversed(sandbox.mails()) if one["email"] == address)
    return str(dict(mail["attributes"])["ProfileCentreLink"]).partition("8000")[2]


def recipients(sandbox: Sandbox) -> list[str]:
    """Return the addresses of all emails, in order."""
    return [mail["email"] for mail in sandbox.mails()]


def address_of(sandbox: Sandbox) -> str:
    """Return the address on file."""
    return str(sandbox.person(1001)["email"])


def plain(html: bytes) -> str:
    """Return a page without its tokens and nonces, which may have any letters in a row."""
    return re.sub(r"[\w.-]{20,}", "", html.decode())


def take_over(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    """Change the address with a forwarded link, and confirm it from the new address."""
    assert ask(client, path(settings)).status_code == 303
    deliver()
    client.post(link_to(sandbox, NEW))
    deliver()
    cache.clear()


@pytest.mark.parametrize("page", ["", "/details", "/yours"])
@pytest.mark.parametrize("named", [False, True])
def test_a_forwarded_link_shows_no_value_of_the_details(
    client: Client, settings: Settings, sandbox: Sandbox, page: str, named: bool
) -> None:
    key = sandbox.person(1001)["key"]
    full = SubscriberContext(subscriber_id=1001, subscriber_key=key, email_address=OLD)
    who = full if named else SubscriberContext(subscriber_id=1001)
    html = client.get(path(settings, who) + page).content
    shown = plain(html)
    for value in VALUES:
        assert value not in shown
    assert not re.search(r'name="format"[^>]* checked', shown)
    assert "Birthday •••" in seen(html)
    assert "a•••@example.com" in seen(html)
    assert "Email me a link" in seen(html)


def test_a_forwarded_link_exports_nothing(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    assert b"yours.json" not in client.get(f"{there}/yours").content
    answer = client.get(f"{there}/yours.json")
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert not any(value in plain(answer.content) for value in VALUES)
    assert "Your details are hidden" in seen(answer.content)


def test_a_forwarded_link_changes_no_attribute(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    form = client.get(f"{proved(settings)}/details").content.decode()
    field = form.partition('value="Ada"')[0].rpartition('name="')[2].partition('"')[0]
    there = f"{path(settings)}/details"
    page = client.get(there).content
    client.post(there, {"snapshot": snapshot_of(page), field: "Eve", "format": "Text"})
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada"
    assert sandbox.person(1001)["email_type"] == "Text"


def test_the_form_does_not_tell_the_address_by_a_conflict(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = f"{path(settings)}/details"
    for snapshot in ("", snapshot_of(client.get(there).content)):
        answer = client.post(there, {"snapshot": snapshot, "address": "", "format": "Text"})
        assert OLD not in answer.content.decode()


def test_a_link_mailed_to_the_address_on_file_shows_and_exports_the_details(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    answer = client.post(f"{there}/new-link", follow=True)
    assert "The link shows your details for one hour" in seen(answer.content)
    deliver()
    assert recipients(sandbox) == [OLD]
    mailed = mailed_link(sandbox)
    assert "First Name Ada" in seen(client.get(mailed).content)
    assert b'value="Ada"' in client.get(f"{mailed}/details").content
    assert client.get(f"{mailed}/yours.json").json()["your_profile"]["email_address"] == OLD
    # Neither the old link nor another one of the same person gains by it.
    assert "First Name •••" in seen(client.get(there).content)


@pytest.mark.parametrize(
    ("until", "seal"), [(-1, True), (PROOF_SECONDS + 60, True), (PROOF_SECONDS - 60, False)]
)
def test_a_proof_counts_for_an_hour_and_in_sealed_links_alone(
    client: Client, settings: Settings, sandbox: Sandbox, until: int, seal: bool
) -> None:
    there = proved(settings, until=time.time() + until, seal=seal)
    assert "First Name •••" in seen(client.get(there).content)
    assert client.get(f"{there}/yours.json").status_code == 403


def test_lists_and_unsubscribing_need_no_further_link(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    assert save(client, there, leave=("7001",)).status_code == 303
    deliver()
    assert lists_of(sandbox)["7001"] == "Unsubscribed"
    assert client.post(there, {"everything": "1"}).status_code == 303


def test_without_the_email_the_details_stay_hidden_and_the_page_names_the_sender(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(new_link_key="")
    words = seen(client.get(path(settings)).content)
    assert "contact Example Outfitters" in words
    assert "Email me a link" not in words


def test_a_unit_may_show_details_to_any_link(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(protects_details=False)
    assert "First Name Ada" in seen(client.get(path(settings)).content)
    assert client.get(f"{path(settings)}/yours.json").status_code == 200


def test_the_former_address_is_told_before_the_change_and_restores_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    assert recipients(sandbox) == [NEW, OLD]
    assert address_of(sandbox) == NEW
    # Under the person's own key: the address on file was still theirs.
    assert sandbox.mails()[-1]["subscriber_key"] == sandbox.person(1001)["key"]
    undo = link_to(sandbox, OLD)
    page = seen(client.get(undo).content)
    assert "to a•••@example.org instead of a•••@example.com" in page
    assert address_of(sandbox) == NEW
    for _ in range(2):
        assert "The change is undone" in seen(client.post(undo).content)
    deliver()
    assert address_of(sandbox) == OLD
    assert SubscriberRequest.objects.exclude(undoes=None).count() == 1


def test_the_change_waits_until_the_former_address_was_told(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    ask(client, path(settings))
    deliver()
    client.post(link_to(sandbox, NEW))
    LinkEmail.objects.filter(purpose=Purpose.NOTICE).update(
        next_attempt_at=Now() + timedelta(hours=1)
    )
    deliver()
    assert address_of(sandbox) == OLD
    due_now()
    deliver()
    assert address_of(sandbox) == NEW


def test_a_change_of_which_the_former_address_cannot_be_told_needs_a_person(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    ask(client, path(settings))
    deliver()
    BusinessUnit.objects.update(address_notice_key="")
    client.post(link_to(sandbox, NEW))
    deliver()
    row = SubscriberRequest.objects.get()
    assert (row.status, address_of(sandbox)) == ("refused", OLD)
    BusinessUnit.objects.update(address_notice_key="address-notice")
    outbox.requeue_emails([one.pk for one in LinkEmail.objects.all()])
    outbox.requeue([row.pk])
    deliver()
    assert (recipients(sandbox)[-1], address_of(sandbox)) == (OLD, NEW)


def test_an_undone_change_that_was_not_sent_yet_is_never_sent(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    ask(client, path(settings))
    deliver()
    client.post(link_to(sandbox, NEW))
    SubscriberRequest.objects.update(next_attempt_at=Now() + timedelta(hours=1))
    deliver()
    client.post(link_to(sandbox, OLD))
    due_now()
    deliver()
    statuses = SubscriberRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["superseded", "done"]
    assert address_of(sandbox) == OLD


def test_the_first_former_address_restores_after_two_changes(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    undo = link_to(sandbox, OLD)
    ask(client, path(settings), "second@example.org")
    deliver()
    client.post(link_to(sandbox, "second@example.org"))
    deliver()
    assert address_of(sandbox) == "second@example.org"
    client.post(undo)
    deliver()
    assert address_of(sandbox) == OLD


def test_after_an_undo_a_forwarded_link_cannot_change_the_address_again(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    waiting = ask(client, path(settings), "third@example.org")
    assert waiting.status_code == 303
    client.post(link_to(sandbox, OLD))
    deliver()
    # What was asked for before counts no more, and nothing can be asked for.
    assert "third@example.org" not in recipients(sandbox)
    there = f"{path(settings)}/details"
    page = client.get(there).content
    assert b'name="address"' not in page
    assert "A change of your email address was undone" in seen(page)
    client.post(there, {"snapshot": snapshot_of(page), "address": NEW})
    assert SubscriberRequest.objects.filter(value=NEW).count() == 1
    # The owner can, with a link from the address on file; and anybody's link can, after the days.
    assert b'name="address"' in client.get(f"{proved(settings)}/details").content
    rewrite(SubscriberRequest.objects.all(), received_at=Now() - timedelta(days=15))
    assert b'name="address"' in client.get(there).content


def test_the_link_to_undo_ends_after_the_unit_s_days_and_with_an_erasure(
    client: Client, settings: Settings, sandbox: Sandbox, admin_user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    BusinessUnit.objects.update(address_undo_days=3)
    take_over(client, settings, sandbox)
    undo = link_to(sandbox, OLD)
    assert client.get(undo).status_code == 200
    assert client.get(undo[:-6]).status_code == 404
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + 3 * 86_400 + 60)
        assert client.get(undo).status_code == 404
    outbox.request_erasure(context(1001), language="en")
    asked = Erasure.objects.get()
    erasure.grant(asked, user_id=admin_user.pk, note="")
    assert client.post(undo).status_code == 404


def test_a_link_to_undo_says_nothing_to_who_cannot_decrypt_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    undo = link_to(sandbox, OLD)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another " * 9, [settings.SECRET_KEY]
    assert client.get(undo).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get(undo).status_code == 404


def test_the_address_on_file_can_be_asked_first(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(address_guard="asked")
    assert "email to your current address" in seen(client.get(f"{path(settings)}/details").content)
    ask(client, path(settings))
    deliver()
    assert recipients(sandbox) == [OLD]
    consent = link_to(sandbox, OLD)
    assert "Change your email address?" in seen(client.get(consent).content)
    deliver()
    assert recipients(sandbox) == [OLD]
    assert "Now confirm the new address" in seen(client.post(consent).content)
    deliver()
    assert recipients(sandbox) == [OLD, NEW]
    assert address_of(sandbox) == OLD
    assert "Now confirm the new address" in seen(client.get(consent).content)
    client.post(link_to(sandbox, NEW))
    # Both have confirmed: nothing is left to do.
    for answer in (client.get(consent), client.post(consent)):
        assert "We’ll use your new email address from now on." in seen(answer.content)
        assert "Now confirm the new address" not in seen(answer.content)
    deliver()
    assert address_of(sandbox) == NEW
    assert recipients(sandbox) == [OLD, NEW]


def test_a_token_to_confirm_is_none_to_agree_and_the_other_way_round(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(address_guard="asked")
    ask(client, path(settings))
    deliver()
    # The link to agree does not confirm, however often it is pressed.
    for _ in range(3):
        client.post(link_to(sandbox, OLD))
    assert SubscriberRequest.objects.get().status == "waiting"


@pytest.mark.parametrize(
    ("settings_of_unit", "offered"),
    [
        ({"address_notice_key": ""}, False),
        ({"address_notice_key": "", "address_guard": "asked"}, False),
        ({"address_notice_key": "", "address_guard": "none"}, True),
        ({"confirm_address_key": ""}, False),
    ],
)
def test_the_address_can_be_changed_where_the_unit_has_the_emails_for_it(
    client: Client, settings: Settings, sandbox: Sandbox,
    settings_of_unit: dict[str, Any], offered: bool,
) -> None:  # fmt: skip
    BusinessUnit.objects.update(**settings_of_unit)
    assert (b'name="address"' in client.get(f"{path(settings)}/details").content) is offered


def test_a_new_link_waits_after_a_change_of_address(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    there = path(settings)
    page = client.post(f"{there}/new-link", follow=True)
    assert "after a waiting period (3\xa0days)" in page.content.decode()
    deliver()
    email = LinkEmail.objects.get(purpose=Purpose.NEW_LINK)
    assert (email.status, recipients(sandbox)) == (EmailStatus.PENDING, [NEW, OLD])
    # The owner undoes it, and then gets the link.
    client.post(link_to(sandbox, OLD))
    deliver()
    due_now()
    deliver()
    assert recipients(sandbox) == [NEW, OLD, OLD]


@pytest.mark.parametrize("hours", [72, 0])
def test_a_new_link_waits_no_longer_than_the_unit_says(
    client: Client, settings: Settings, sandbox: Sandbox, hours: int
) -> None:
    BusinessUnit.objects.update(address_hold_hours=hours)
    take_over(client, settings, sandbox)
    then = Now() - timedelta(hours=hours, minutes=1)
    rewrite(SubscriberRequest.objects.all(), finished_at=then)
    client.post(f"{path(settings)}/new-link")
    deliver()
    assert recipients(sandbox) == [NEW, OLD, NEW]


def test_a_change_does_not_hold_the_links_of_others(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    client.post(f"{path(settings, 1002)}/new-link")
    deliver()
    assert recipients(sandbox)[-1] == sandbox.person(1002)["email"]


def test_a_person_asks_for_three_new_addresses_a_day_by_whatever_links(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    key = sandbox.person(1001)["key"]
    links = [
        path(settings), path(settings, issued_at=int(time.time()) - 60),
        path(settings, SubscriberContext(subscriber_key=key)),
    ]  # fmt: skip
    answers = [ask(client, there, f"n{at}@example.org") for at, there in enumerate(links * 2)]
    assert [one.status_code for one in answers] == [303, 303, 303, 429, 429, 429]
    assert 86_000 < int(answers[-1]["Retry-After"]) <= 86_400
    assert "You can try again in: 1 day" in seen(answers[-1].content).replace("\xa0", " ")
    assert SubscriberRequest.objects.count() == 3
    # Unsubscribing is not limited by it.
    assert save(client, links[0], leave=("7001",)).status_code == 303


def test_a_new_change_of_address_supersedes_the_waiting_one(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    for address in ("first@example.org", "second@example.org"):
        ask(client, path(settings), address)
    deliver()
    assert recipients(sandbox) == ["second@example.org"]
    first, second = SubscriberRequest.objects.order_by("pk")
    assert (first.status, first.superseded_by_id) == ("superseded", second.pk)
    ask(client, path(settings), "third@example.org")
    assert client.get(link_to(sandbox, "second@example.org")).status_code == 404


def test_all_people_together_send_three_confirmations_a_day_to_one_address(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    answers = [ask(client, path(settings, 1001 + at), "VICTIM@example.net") for at in range(3)]
    answers.append(ask(client, path(settings, 1004), "victim@example.net "))
    assert [one.status_code for one in answers] == [303, 303, 303, 429]
    deliver()
    assert recipients(sandbox) == ["VICTIM@example.net"] * 3


def test_the_counters_name_nobody(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    ask(client, path(settings))
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        names = b" ".join(broker.scan_iter("profilecenter:rate_limit:*"))
    assert b"new_address" in names
    assert b"attacker" not in names


def test_without_redis_no_address_is_changed_and_everything_else_works(
    client: Client, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "_counters", redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert ask(client, path(settings)).status_code == 503
    assert not SubscriberRequest.objects.exists()
    assert save(client, path(settings), leave=("7001",)).status_code == 303


def test_two_links_of_one_person_share_the_limit_of_changes(
    client: Client, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unsub.preferences.limits.CHANGES", 2)
    now = int(time.time())
    codes = [
        client.post(f"{path(settings, issued_at=now - at)}/new-link").status_code
        for at in (1, 2, 3)
    ]
    assert codes == [303, 303, 429]
    assert client.post(f"{path(settings, 1002)}/new-link").status_code == 303


def test_a_rotated_digest_key_keeps_the_lock_and_the_hold(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    client.post(link_to(sandbox, OLD))
    deliver()
    rotate_digest_key(settings)
    assert b'name="address"' not in client.get(f"{path(settings)}/details").content


def test_the_lock_holds_for_links_that_name_the_person_otherwise(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    take_over(client, settings, sandbox)
    client.post(link_to(sandbox, OLD))
    deliver()
    by_key = path(settings, SubscriberContext(subscriber_key=sandbox.person(1001)["key"]))
    assert b'name="address"' not in client.get(f"{by_key}/details").content
