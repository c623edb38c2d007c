"""What sign-in and changes of accounts leave in the log, in the history and in mailboxes."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.core.cache import caches
from django.core.management import call_command
from django.test import Client
from structlog.testing import capture_logs

from tests.helpers import seen, sign_in
from unsub.accounts import history
from unsub.models import BusinessUnit

from .pages import LOGIN, LONG, RIGHT, WRONG, choose_password, code_of, set_up

pytestmark = pytest.mark.django_db
AUTHENTICATE = "/admin/account/second-factor/authenticate/"
Capture = Callable[..., Any]


@pytest.fixture
def boss() -> User:
    """A superuser."""
    return User.objects.create_superuser("boss", "boss@example.com", password="right-and-long")


@pytest.fixture
def ada() -> User:
    """A user without rights."""
    return User.objects.create_user("ada", "ada@example.com", "right-and-long", is_staff=True)


@pytest.fixture
def desk(client: Client, boss: User) -> Client:
    """The boss, signed in."""
    sign_in(client, boss)
    return client


def entries(user: User) -> list[str]:
    """Return the texts of a user's history, the oldest first."""
    found = LogEntry.objects.filter(object_id=str(user.pk), content_type__model="user")
    return [entry.get_change_message() for entry in found.order_by("pk")]


def names(logs: list[Any]) -> list[str]:
    """Return the events of captured logs."""
    return [str(line["event"]) for line in logs]


def test_a_sign_in_with_a_code_is_logged_and_in_the_history(client: Client, boss: User) -> None:
    client.post(LOGIN, RIGHT)
    set_up(client)
    caches["default"].clear()
    other = Client(REMOTE_ADDR="192.0.2.7")
    with capture_logs() as logs:
        other.post(LOGIN, WRONG)
        other.post(LOGIN, RIGHT)
        other.post(AUTHENTICATE, {"code": "000000"})
        other.post(AUTHENTICATE, {"code": code_of(boss)})
    assert names(logs) == [
        "sign_in_failed", "second_factor_failed", "second_factor_used", "sign_in_succeeded"
    ]  # fmt: skip
    assert logs[0]["users"] == [boss.pk]
    assert {line["user"] for line in logs[1:]} == {boss.pk}
    assert {line["client"] for line in logs} == {"192.0.2.7"}
    assert logs[-1]["methods"] == ["password", "mfa"]
    assert entries(boss)[-3:] == [
        "A sign-in failed: wrong password.", "A code of the second factor was wrong.",
        "Signed in (password, mfa).",
    ]  # fmt: skip
    assert "192.0.2.7" not in "".join(entries(boss))


def test_the_log_has_no_name_that_was_entered(client: Client) -> None:
    with capture_logs() as logs:
        client.post(LOGIN, {"login": "my-password-by-mistake", "password": "x"})
        client.post("/admin/account/password/reset/", {"email": "nobody@example.com"})
    assert names(logs) == ["sign_in_failed", "password_reset_asked"]
    assert [line["users"] for line in logs] == [[], []]
    assert "mistake" not in str(logs)
    assert "nobody" not in str(logs)


def test_a_deactivated_user_s_sign_in_is_a_failure(client: Client, ada: User) -> None:
    User.objects.update(is_active=False)
    with capture_logs() as logs:
        client.post(LOGIN, RIGHT | {"login": "ada"})
    assert [line.get("reason") for line in logs] == ["the user is not active"]


def test_a_stranger_cannot_fill_the_history(client: Client, ada: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "FAILURES_MAX", 3)
    for _ in range(5):
        client.post(LOGIN, {"login": "ada", "password": "x"})
    assert entries(ada) == ["A sign-in failed: wrong password."] * 3


def test_a_stranger_cannot_fill_the_log_with_refusals(client: Client) -> None:
    with capture_logs() as logs:
        for _ in range(20):
            client.post(LOGIN, {"login": "nobody", "password": "x"})
    assert names(logs) == ["sign_in_failed"] * 10 + ["sign_in_limited"] * 5


@pytest.mark.django_db(transaction=True)
def test_factors_that_a_user_adds_and_removes_are_recorded(client: Client, boss: User) -> None:
    client.post(LOGIN, RIGHT)
    with capture_logs() as logs:
        set_up(client)
        client.post("/admin/account/second-factor/totp/deactivate/")
    assert [(line["event"], line["type"]) for line in logs] == [
        ("second_factor_added", "totp"), ("second_factor_added", "recovery_codes"),
        ("second_factor_removed", "totp"), ("second_factor_removed", "recovery_codes"),
    ]  # fmt: skip
    assert "Second factor added: totp." in entries(boss)
    assert "Second factor removed: totp." in entries(boss)
    assert len(mail.outbox) == 2


def test_a_password_by_a_link_and_a_change_are_recorded(client: Client, boss: User) -> None:
    with capture_logs() as logs:
        client.post("/admin/account/password/reset/", {"email": "boss@example.com"})
        link = str(mail.outbox[0].body).partition("http://testserver")[2].split()[0]
        choose_password(client, link)
        client.post(LOGIN, RIGHT | {"password": LONG})
        page = "/admin/account/password/change/"
        new = "another-long-one-18"
        client.post(page, {"oldpassword": LONG, "password1": new, "password2": new})
    assert names(logs) == [
        "password_reset_asked", "password_reset_done", "sign_in_succeeded", "password_changed"
    ]  # fmt: skip
    assert entries(boss) == [
        "A link to set the password was asked for.", "The password was set by a link.",
        "Signed in (password).", "The password was changed.",
    ]  # fmt: skip


def test_a_user_is_told_that_another_set_their_password(
    desk: Client, ada: User, django_capture_on_commit_callbacks: Capture
) -> None:
    page = f"/admin/auth/user/{ada.pk}/password/"
    new = {"password1": LONG, "password2": LONG, "usable_password": "true"}
    with django_capture_on_commit_callbacks(execute=True), capture_logs() as logs:
        assert desk.post(page, new).status_code == 302
    (line,) = logs
    assert (line["event"], line["user"]) == ("password_set_by_another", ada.pk)
    assert line["by"] == User.objects.get(username="boss").pk
    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert "the user boss has set or removed the password" in message.body
    assert LONG not in message.body
    assert entries(ada) == ["Changed password."]


def test_a_user_is_told_that_another_removed_their_second_factor(
    desk: Client, ada: User, django_capture_on_commit_callbacks: Capture
) -> None:
    Authenticator.objects.create(user=ada, type="totp", data={"secret": "x"})
    action = {"action": "forget_second_factor", "_selected_action": ada.pk}
    with django_capture_on_commit_callbacks(execute=True), capture_logs() as logs:
        desk.post("/admin/auth/user/", action)
        call_command("add_user", "ada@example.com", "--forget-second-factor", stdout=mail.outbox)
    assert [line["by"] is None for line in logs if line["event"] == "second_factor_removed"] == [
        False, True
    ]  # fmt: skip
    told = [message.body for message in mail.outbox if hasattr(message, "body")]
    assert "the user boss has removed the second factor" in told[0]
    assert "a command on the server has removed" in told[1]


def test_both_addresses_are_told_that_the_address_was_changed(
    desk: Client, ada: User, django_capture_on_commit_callbacks: Capture
) -> None:
    form = {
        "username": "ada", "email": "lovelace@example.com", "is_active": "on", "is_staff": "on",
        "first_name": "", "last_name": "", "groups": [],
    }  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True), capture_logs() as logs:
        assert desk.post(f"/admin/auth/user/{ada.pk}/change/", form).status_code == 302
    assert names(logs) == ["user_address_changed"]
    assert [message.to for message in mail.outbox] == [
        ["lovelace@example.com"], ["ada@example.com"]
    ]  # fmt: skip
    assert "lovelace" not in mail.outbox[1].body


def test_only_a_sign_in_from_an_unknown_browser_is_told_to_the_user(
    client: Client, boss: User, django_capture_on_commit_callbacks: Capture
) -> None:
    for browser, emails in ((client, 0), (client, 0), (Client(), 1)):
        with django_capture_on_commit_callbacks(execute=True):
            assert browser.post(LOGIN, RIGHT).status_code == 302
        assert len(mail.outbox) == emails
        browser.post("/admin/account/logout/")
    assert mail.outbox[0].to == [boss.email]
    assert "sign-in from a new device" in mail.outbox[0].subject


def test_an_unreachable_mail_server_does_not_stop_a_change(
    desk: Client, ada: User, settings: Any, django_capture_on_commit_callbacks: Capture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    new = {"password1": LONG, "password2": LONG, "usable_password": "true"}
    with capture_logs() as logs, django_capture_on_commit_callbacks(execute=True):
        desk.post(f"/admin/auth/user/{ada.pk}/password/", new)
    assert names(logs) == ["password_set_by_another", "account_email_failed"]


def test_groups_and_rights_that_a_user_is_given_are_recorded(desk: Client, ada: User) -> None:
    operator = Group.objects.get(name="operator")
    form = {
        "username": "ada", "email": "ada@example.com", "is_active": "on", "is_staff": "on",
        "is_superuser": "on", "first_name": "", "last_name": "", "groups": [operator.pk],
    }  # fmt: skip
    with capture_logs() as logs:
        desk.post(f"/admin/auth/user/{ada.pk}/change/", form)
        desk.post(f"/admin/auth/user/{ada.pk}/change/", form | {"groups": []})
    rights, added, removed = logs
    assert (rights["event"], rights["is_superuser"]) == ("user_rights_changed", True)
    assert (added["event"], added["ids"], added["action"]) == (
        "permissions_changed", [operator.pk], "added"
    )  # fmt: skip
    assert removed["action"] == "removed"
    assert {line["by"] for line in logs} == {User.objects.get(username="boss").pk}
    assert "Group added: operator." in entries(ada)
    assert "Group removed: operator." in entries(ada)


def test_members_of_a_unit_and_permissions_of_a_group_are_recorded(
    desk: Client, ada: User, unit: BusinessUnit
) -> None:
    group = Group.objects.get(name="viewer")
    permission = Permission.objects.order_by("pk").first()
    assert permission
    kept = list(group.permissions.values_list("pk", flat=True))
    with capture_logs() as logs:
        desk.post(
            f"/admin/auth/group/{group.pk}/change/",
            {"name": "viewer", "permissions": [*kept, permission.pk]},
        )
        ada.units.add(unit)
        ada.units.clear()
    assert [(line["object"], line["what"], line["action"]) for line in logs] == [
        ("group", "permissions", "added"), ("user", "members", "added"),
        ("user", "members", "removed"),
    ]  # fmt: skip
    assert logs[1]["ids"] == logs[2]["ids"] == [unit.pk]
    # Without a request nobody is known who did it: the log alone has it.
    assert entries(ada) == []
    history_of_group = seen(desk.get(f"/admin/auth/group/{group.pk}/history/").content)
    assert f"Permission added: {permission}" in history_of_group
