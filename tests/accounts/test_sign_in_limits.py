"""Limits of sign-in: what a stranger can lock, and what they cannot."""

import re
from threading import BoundedSemaphore

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import caches
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import seen
from unsub.accounts import sign_in_limits

from .pages import (
    LOCKED_OUT,
    LOGIN,
    LONG,
    RIGHT,
    TURNED_AWAY,
    WRONG,
    choose_password,
    code_of,
    set_up,
)

pytestmark = pytest.mark.django_db
AUTHENTICATE = "/admin/account/second-factor/authenticate/"
BUSY = "Try again in a few seconds"


@pytest.fixture(autouse=True)
def boss() -> User:
    """A superuser."""
    return User.objects.create_superuser("boss", "boss@example.com", password="right-and-long")


def at(address: str) -> Client:
    """Return a new browser of a client with an IP address."""
    return Client(REMOTE_ADDR=address)


def fail(client: Client, times: int, **changes: str) -> str:
    """Try a wrong password; return the text of the last page."""
    return [seen(client.post(LOGIN, WRONG | changes).content) for _ in range(times)][-1]


def is_in(client: Client) -> bool:
    """Return whether the right password signs in, up to the second factor."""
    return client.post(LOGIN, RIGHT).status_code == 302


def test_name_and_address_of_a_user_are_one() -> None:
    stranger = at("192.0.2.1")
    assert TURNED_AWAY in fail(stranger, 5)
    assert TURNED_AWAY in fail(stranger, 5, login="BOSS@example.com")
    assert LOCKED_OUT in fail(stranger, 1)
    assert LOCKED_OUT in fail(stranger, 1, login="boss@example.com")


def test_a_stranger_locks_a_user_out_of_no_other_client() -> None:
    assert LOCKED_OUT in fail(at("192.0.2.1"), 11)
    assert is_in(at("192.0.2.2"))


def test_one_client_cannot_try_one_password_with_many_names() -> None:
    stranger = at("192.0.2.1")
    pages = [
        fail(stranger, 1, login=f"name{number}") for number in range(sign_in_limits.CLIENT_MAX + 1)
    ]
    assert TURNED_AWAY in pages[-2]
    assert LOCKED_OUT in pages[-1]
    # All addresses of an IPv6 network are one client.
    pages = [fail(at(f"2001:db8::{n:x}"), 1, login=f"name{n}") for n in range(31)]
    assert LOCKED_OUT in pages[-1] or BUSY in pages[-1]


def test_many_clients_cannot_guess_on_and_the_known_browser_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sign_in_limits, "NAME_MAX", 12)
    own = at("192.0.2.9")
    assert is_in(own)
    own.post("/admin/account/logout/")
    pages = [fail(at(f"198.51.100.{number}"), 1) for number in range(13)]
    assert TURNED_AWAY in pages[-2]
    assert LOCKED_OUT in pages[-1]
    assert not is_in(at("192.0.2.10"))
    assert is_in(own)


def test_a_locked_client_does_not_use_up_the_user_s_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_limits, "NAME_MAX", 12)
    assert LOCKED_OUT in fail(at("192.0.2.1"), 20)
    assert is_in(at("192.0.2.2"))


def test_a_known_browser_is_limited_too_and_known_to_its_user_alone() -> None:
    own = at("192.0.2.9")
    is_in(own)
    own.post("/admin/account/logout/")
    assert LOCKED_OUT in fail(own, 11)
    assert not is_in(own)
    mina = User.objects.create_user("mina", "mina@example.com", LONG)
    own.cookies[f"device{mina.pk}"] = own.cookies[f"device{User.objects.get(username='boss').pk}"]
    assert LOCKED_OUT in fail(own, 11, login="mina")
    assert at("192.0.2.8").post(LOGIN, {"login": "mina", "password": LONG}).status_code == 302


def test_after_a_change_of_the_password_no_browser_is_known(boss: User) -> None:
    own = at("192.0.2.9")
    is_in(own)
    own.post("/admin/account/logout/")
    boss.set_password("right-and-long")
    boss.save()
    assert LOCKED_OUT in fail(at("192.0.2.9"), 11)
    assert not is_in(own)


def test_a_new_password_by_a_link_ends_the_lock_of_the_client() -> None:
    own = at("192.0.2.9")
    assert LOCKED_OUT in fail(own, 11)
    own.post("/admin/account/password/reset/", {"email": "boss@example.com"})
    link = re.search(r"/admin/account/password/reset/key/\S+", str(mail.outbox[0].body))
    assert link
    choose_password(own, link[0])
    assert own.post(LOGIN, RIGHT | {"password": LONG}).status_code == 302


def test_the_cookie_of_a_browser_comes_after_the_second_factor_only(boss: User) -> None:
    first = at("192.0.2.9")
    first.post(LOGIN, RIGHT)
    set_up(first)
    caches["default"].clear()
    other = at("192.0.2.8")
    other.post(LOGIN, RIGHT)
    name = f"device{boss.pk}"
    assert name not in other.cookies
    other.post(AUTHENTICATE, {"code": code_of(boss)})
    cookie = other.cookies[name]
    assert cookie["path"] == "/admin/account/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_who_has_the_password_but_no_factor_cannot_lock_the_codes_of_a_known_browser(
    boss: User,
) -> None:
    own = at("192.0.2.9")
    own.post(LOGIN, RIGHT)
    set_up(own)
    own.post("/admin/account/logout/")
    caches["default"].clear()
    stranger = at("192.0.2.1")
    stranger.post(LOGIN, RIGHT)
    for _ in range(10):
        stranger.post(AUTHENTICATE, {"code": "000000"})
    late = stranger.post(AUTHENTICATE, {"code": code_of(boss)})
    assert "Too many failed" in seen(late.content)
    own.post(LOGIN, RIGHT)
    assert own.post(AUTHENTICATE, {"code": code_of(boss)}).status_code == 302
    assert "_auth_user_id" in own.session


def test_passwords_are_checked_by_half_of_a_process_s_threads_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = BoundedSemaphore(1)
    monkeypatch.setattr(sign_in_limits, "_checks", places)
    with places:
        for _ in range(sign_in_limits.CHECKS_MAX + 1):
            assert BUSY in seen(at("192.0.2.1").post(LOGIN, RIGHT).content)
    # What was not checked was not counted.
    assert is_in(at("192.0.2.1"))


def test_all_unknown_browsers_together_have_a_limit(
    monkeypatch: pytest.MonkeyPatch, boss: User
) -> None:
    own = at("192.0.2.9")
    assert is_in(own)
    own.post("/admin/account/logout/")
    monkeypatch.setattr(sign_in_limits, "CHECKS_MAX", 5)
    pages = [fail(at(f"198.51.100.{number}"), 1, login=f"n{number}") for number in range(6)]
    assert BUSY in pages[-1]
    assert is_in(own)


def test_behind_the_proxy_the_client_is_the_one_that_the_proxy_names(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    stranger = Client(headers={"X-Forwarded-For": "203.0.113.5, 192.0.2.1"})
    assert LOCKED_OUT in fail(stranger, 11)
    assert is_in(Client(headers={"X-Forwarded-For": "203.0.113.5, 192.0.2.2"}))
    assert LOCKED_OUT in fail(Client(headers={"X-Forwarded-For": "198.51.100.1, 192.0.2.1"}), 1)
