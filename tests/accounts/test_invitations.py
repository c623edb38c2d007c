"""Invitations: what is sent, what the link does, and when it is void."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from structlog.testing import capture_logs

from tests.helpers import person, seen
from unsub import tasks
from unsub.accounts import invitations
from unsub.models import BusinessUnit, Invitation

from .pages import ACTIVATE, LOGIN, LONG

pytestmark = pytest.mark.django_db
Capture = Callable[..., Any]
INVITATIONS = "/admin/unsub/invitation/"
ADD = f"{INVITATIONS}add/"
EVE = "eve@example.com"


@pytest.fixture
def boss(unit: BusinessUnit, child: BusinessUnit) -> Client:
    """An administrator, signed in."""
    return person("administrator", unit)


def role(name: str) -> int:
    """Return the id of a role."""
    return Group.objects.get(name=name).pk


def invite(by: Client, capture: Capture, **changes: Any) -> Any:
    """Post the form, and run what follows the commit."""
    given = {"email": EVE, "role": role("marketer"), "business_units": [510001]} | changes
    with capture(execute=True):
        return by.post(ADD, given)


def act(by: Client, capture: Capture, name: str) -> Any:
    """Do something with all invitations of the list."""
    ids = list(Invitation.objects.values_list("pk", flat=True))
    with capture(execute=True):
        return by.post(INVITATIONS, {"action": name, "_selected_action": ids}, follow=True)


def link(number: int = -1) -> str:
    """Return the path of the link in an email."""
    found = re.search(r"http://testserver(/admin/account/invitation/\S+)", _body(number))
    assert found
    return found[1]


def choose_password(client: Client, path: str) -> Any:
    """Take the way of an invitation that leads to a password, and choose LONG."""
    form = client.post(path, {"with": "password"}, follow=True)
    if not form.redirect_chain:
        return form
    return client.post(form.redirect_chain[-1][0], {"password1": LONG, "password2": LONG})


def _body(number: int) -> str:
    return str(mail.outbox[number].body)


def histories(user: User) -> list[str]:
    """Return the texts about invitations in the history of a user, the oldest first."""
    rows = LogEntry.objects.filter(object_id=str(user.pk), content_type__model="user")
    texts = [entry.get_change_message() for entry in rows.order_by("pk")]
    return [text for text in texts if "nvit" in text]


def test_an_invited_colleague_chooses_a_password_once(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    invite(boss, django_capture_on_commit_callbacks, name="Eve Example")
    eve = User.objects.get(email=EVE)
    assert (eve.is_active, eve.has_usable_password()) == (False, False)
    assert mail.outbox[0].to == [EVE]
    assert "as Marketer for Example Outfitters" in _body(0)
    browser = Client()
    assert "You’re invited" in seen(browser.get(link()).content)
    assert choose_password(browser, link()).status_code == 302
    eve.refresh_from_db()
    assert (eve.is_active, eve.has_usable_password()) == (True, True)
    assert [group.name for group in eve.groups.all()] == ["marketer"]
    assert list(BusinessUnit.objects.filter(members=eve).values_list("mid", flat=True)) == [510001]
    # A second factor is the next step, and the link has had its use.
    answer = browser.post(LOGIN, {"login": EVE, "password": LONG}, follow=True)
    assert answer.redirect_chain[-1][0] == "/admin/account/second-factor/"
    for way in ("password", "passkey"):
        assert Client().post(link(0), {"with": way}).status_code == 410
    assert histories(eve) == [
        "Invited as Marketer for Example Outfitters.", "The invitation was accepted."
    ]  # fmt: skip


def test_an_invited_colleague_who_wants_a_passkey_reaches_only_the_page_that_adds_it(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    browser = Client()
    answer = browser.post(link(), {"with": "passkey"}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("mfa_add_webauthn")
    assert answer.status_code == 200
    assert browser.get("/admin/")["Location"] == "/admin/account/second-factor/"
    assert browser.get(ACTIVATE).status_code == 200
    assert Client().get(link()).status_code == 410


def test_opening_a_link_uses_nothing_up(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    for _ in range(3):
        assert Client().get(link()).status_code == 200
        assert Client().head(link()).status_code == 200
    # Nor does the form that is left without a password.
    Client().post(link(), {"with": "password"}, follow=True)
    assert choose_password(Client(), link()).status_code == 302


def _revoke(boss: Client, capture: Capture) -> None:
    act(boss, capture, "revoke")


def _send_again(boss: Client, capture: Capture) -> None:
    act(boss, capture, "send_again")


def _end(_boss: Client, _capture: Capture) -> None:
    Invitation.objects.update(expires_at=timezone.now())


def _change_address(_boss: Client, _capture: Capture) -> None:
    User.objects.filter(email=EVE).update(email="other@example.com")


def _change_role(_boss: Client, _capture: Capture) -> None:
    User.objects.get(email=EVE).groups.set([role("administrator")])


@pytest.mark.parametrize("event", [_revoke, _send_again, _end, _change_address, _change_role])
def test_a_link_is_void_after(
    boss: Client, django_capture_on_commit_callbacks: Capture, event: Callable[..., None]
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    first, browser, late = link(), Client(), Client()
    form = browser.post(first, {"with": "password"}, follow=True).redirect_chain[-1][0]
    event(boss, django_capture_on_commit_callbacks)
    # The same page as for a link that was never sent, and so for the form that is open already.
    answer = late.get(first)
    assert answer.status_code == 410
    assert answer.content == late.get("/admin/account/invitation/WzEsMV0:1xW:bad/").content
    assert late.post(first, {"with": "passkey"}).status_code == 410
    browser.post(form, {"password1": LONG, "password2": LONG})
    assert not User.objects.filter(is_active=True, email__in=(EVE, "other@example.com")).exists()
    assert Client().post(LOGIN, {"login": EVE, "password": LONG}).status_code == 200


def test_a_link_sent_again_works(boss: Client, django_capture_on_commit_callbacks: Capture) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "Expired" in boss.get(INVITATIONS).content.decode()
    act(boss, django_capture_on_commit_callbacks, "send_again")
    assert choose_password(Client(), link(1)).status_code == 302
    assert histories(User.objects.get(email=EVE)) == [
        "Invited as Marketer for Example Outfitters.", "The invitation was sent again.",
        "The invitation was accepted.",
    ]  # fmt: skip


def test_a_token_for_another_purpose_opens_nothing(
    boss: Client, django_capture_on_commit_callbacks: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    one = Invitation.objects.get()
    with monkeypatch.context() as other:
        other.setattr(invitations, "SALT", "unsub.accounts.other")
        token = invitations.token_of(one)
    assert invitations.find(token) is None
    assert invitations.find(invitations.token_of(one)) == one


def test_a_revoked_colleague_has_nothing_and_can_be_invited_again(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    act(boss, django_capture_on_commit_callbacks, "revoke")
    eve = User.objects.get(email=EVE)
    assert not eve.groups.exists()
    assert not BusinessUnit.objects.filter(members=eve).exists()
    invite(boss, django_capture_on_commit_callbacks, role=role("viewer"), business_units=[510002])
    assert choose_password(Client(), link(1)).status_code == 302
    eve.refresh_from_db()
    assert [group.name for group in eve.groups.all()] == ["viewer"]


def test_the_address_of_a_user_cannot_be_invited(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    User.objects.create_user("ada", "Ada@example.com", is_active=False)
    for email in ("ada@example.com", "ADA@EXAMPLE.COM"):
        answer = invite(boss, django_capture_on_commit_callbacks, email=email)
        assert "Another user has this email address" in seen(answer.content)
    assert not mail.outbox


def test_an_invitation_gives_no_password_link_and_tells_no_stranger_of_it(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    forgotten = "/admin/account/password/reset/"
    known = Client().post(forgotten, {"email": EVE}, follow=True)
    unknown = Client().post(forgotten, {"email": "nobody@example.com"}, follow=True)
    assert len(mail.outbox) == 1
    assert seen(known.content) == seen(unknown.content)


def test_an_inviter_gives_no_more_than_they_have(
    unit: BusinessUnit, child: BusinessUnit, django_capture_on_commit_callbacks: Capture
) -> None:
    client = person("marketer", unit)
    assert client.get(ADD).status_code == 403
    codes = ("add_invitation", "view_invitation", "change_invitation")
    rights = Permission.objects.filter(codename__in=codes)
    User.objects.get(username="marketer").user_permissions.set(rights)
    page = seen(client.get(ADD).content)
    assert "Viewer: Sees" in page
    assert "Marketer: Also" in page
    for above in ("Operator", "Administrator:", child.name):
        assert above not in page.replace("Operators and administrators see", "")
    more: list[dict[str, Any]] = [
        {"role": role("administrator")}, {"role": role("operator")},
        {"business_units": [child.pk]}, {"business_units": []},
    ]  # fmt: skip
    for forged in more:
        assert invite(client, django_capture_on_commit_callbacks, **forged).status_code == 200
    assert not User.objects.filter(email=EVE).exists()
    assert invite(client, django_capture_on_commit_callbacks).status_code == 302


def test_an_inviter_cannot_send_again_what_was_raised_above_them(
    unit: BusinessUnit, boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    client = person("marketer", unit)
    rights = Permission.objects.filter(content_type__model="invitation")
    User.objects.get(username="marketer").user_permissions.set(rights)
    invite(client, django_capture_on_commit_callbacks)
    _change_role(boss, django_capture_on_commit_callbacks)
    answer = act(client, django_capture_on_commit_callbacks, "send_again")
    assert "Left out" in seen(answer.content)
    assert len(mail.outbox) == 1


def test_an_inviter_does_not_replace_an_invitation_with_more_than_theirs(
    unit: BusinessUnit, child: BusinessUnit, boss: Client,
    django_capture_on_commit_callbacks: Capture,
) -> None:  # fmt: skip
    client = person("marketer", unit)
    rights = Permission.objects.filter(content_type__model="invitation")
    User.objects.get(username="marketer").user_permissions.set(rights)
    invite(boss, django_capture_on_commit_callbacks, business_units=[child.pk])
    answer = invite(client, django_capture_on_commit_callbacks)
    assert "Another user has this email address" in seen(answer.content)
    assert list(User.objects.get(email=EVE).units.all()) == [child]
    assert len(mail.outbox) == 1


def test_an_inviter_of_one_unit_sees_their_own_invitations_only(
    unit: BusinessUnit, boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    client = person("marketer", unit)
    rights = Permission.objects.filter(content_type__model="invitation")
    User.objects.get(username="marketer").user_permissions.set(rights)
    invite(boss, django_capture_on_commit_callbacks)
    assert EVE not in client.get(INVITATIONS).content.decode()
    act(client, django_capture_on_commit_callbacks, "revoke")
    assert Invitation.objects.get().revoked_at is None


def test_the_list_costs_the_same_for_many_invitations(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    numbers = []
    for more in (2, 8):
        for number in range(more):
            address = f"eve{more}{number}@example.com"
            invite(boss, django_capture_on_commit_callbacks, email=address)
        boss.get(INVITATIONS)
        with CaptureQueriesContext(connection) as queries:
            boss.get(INVITATIONS)
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]


@pytest.mark.django_db(transaction=True)
def test_an_email_that_the_mail_server_does_not_take_is_sent_later_by_itself(
    boss: Client, django_capture_on_commit_callbacks: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with away(monkeypatch, TimeoutError()) as logs:
        invite(boss, django_capture_on_commit_callbacks)
    assert "account_email_failed" in [line["event"] for line in logs]
    page = seen(boss.get(INVITATIONS).content)
    assert "The mail server didn’t take the email" in page
    assert "Email not sent" in page
    assert "not yet, next try" in page
    tasks.send_invitations()
    assert not mail.outbox  # not before its time
    for failures in (2, 3):
        with away(monkeypatch, SMTPServerDisconnected()):
            let_time_pass()
            tasks.send_invitations()
        assert Invitation.objects.get().attempts == failures
    let_time_pass()
    tasks.send_invitations()
    let_time_pass()
    tasks.send_invitations()
    assert len(mail.outbox) == 1
    assert "next try" not in seen(boss.get(INVITATIONS).content)
    assert choose_password(Client(), link()).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_an_email_that_the_mail_server_refuses_is_not_tried_again_and_can_be_sent_again(
    boss: Client, django_capture_on_commit_callbacks: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with away(monkeypatch, SMTPRecipientsRefused({EVE: (550, b"no such user")})) as logs:
        invite(boss, django_capture_on_commit_callbacks)
    assert EVE not in str(logs)
    page = seen(boss.get(INVITATIONS).content)
    assert "The mail server refused the email" in page
    assert "Email not sent" in page
    let_time_pass()
    tasks.send_invitations()
    assert not mail.outbox
    act(boss, django_capture_on_commit_callbacks, "send_again")
    assert choose_password(Client(), link()).status_code == 302


@pytest.mark.parametrize("then", ["revoke", "send_again", "expire"])
def test_an_email_is_not_sent_later_whose_link_is_void(
    boss: Client, django_capture_on_commit_callbacks: Capture, monkeypatch: pytest.MonkeyPatch,
    then: str,
) -> None:  # fmt: skip
    with away(monkeypatch, TimeoutError()):
        invite(boss, django_capture_on_commit_callbacks)
    let_time_pass()
    ((one, number),) = invitations.claim_due()
    if then == "expire":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    else:
        act(boss, django_capture_on_commit_callbacks, then)
    sent = len(mail.outbox)
    invitations.send(one, number)
    let_time_pass()
    tasks.send_invitations()
    assert len(mail.outbox) == sent


@contextmanager
def away(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Iterator[list[Any]]:
    """Let the mail server fail. Yields the log."""

    def fail(*_: Any) -> int:
        raise error

    with monkeypatch.context() as changed, capture_logs() as logs:
        changed.setattr(EmailBackend, "send_messages", fail)
        yield logs


def let_time_pass() -> None:
    """Let what waits to be sent be due."""
    waiting = Invitation.objects.exclude(next_attempt_at=None)
    waiting.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_no_log_line_has_an_address_or_a_token(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    with capture_logs() as logs:
        invite(boss, django_capture_on_commit_callbacks)
        token = link().split("/")[-2]
        Client().get(link())
        choose_password(Client(), link())
    assert {"invitation_sent", "invitation_accepted"} <= {line["event"] for line in logs}
    for secret in ("eve@", token):
        assert secret not in str(logs)


def test_invitations_are_limited(
    boss: Client, django_capture_on_commit_callbacks: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    for _ in range(invitations.ADDRESS_MAX - 1):
        act(boss, django_capture_on_commit_callbacks, "send_again")
    answer = act(boss, django_capture_on_commit_callbacks, "send_again")
    assert "Too many invitations" in seen(answer.content)
    assert len(mail.outbox) == invitations.ADDRESS_MAX
    monkeypatch.setattr(invitations, "SENT_MAX", 3)
    other = invite(boss, django_capture_on_commit_callbacks, email="other@example.com")
    assert "Too many invitations" in seen(other.content)
    monkeypatch.setattr(invitations, "OPENED_MAX", 2)
    codes = [Client().get(link()).status_code for _ in range(4)]
    assert codes == [200, 200, 429, 429]


def test_an_invitation_s_page_has_its_history_and_no_field_to_edit(
    boss: Client, django_capture_on_commit_callbacks: Capture
) -> None:
    invite(boss, django_capture_on_commit_callbacks)
    one = Invitation.objects.get()
    page = boss.get(f"{INVITATIONS}{one.pk}/change/").content.decode()
    assert "Send again, with a new link" in page
    assert 'name="email"' not in page
    history = seen(boss.get(f"{INVITATIONS}{one.pk}/history/").content)
    assert "Invited as Marketer for Example Outfitters." in history
    boss.post(f"{INVITATIONS}{one.pk}/change/", {"user": "1"})
    assert boss.post(f"{INVITATIONS}{one.pk}/delete/", {"post": "yes"}).status_code == 403
    act(boss, django_capture_on_commit_callbacks, "revoke")
    for state, shown in (("", False), ("revoked", True), ("all", True), ("accepted", False)):
        assert (EVE in boss.get(INVITATIONS, {"state": state}).content.decode()) is shown
