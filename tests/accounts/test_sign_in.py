"""The door of the admin: password and second factor, the company's account, who stays outside."""

import re
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, seen, sign_in
from unsub.accounts import secret_box
from unsub.models import BusinessUnit

from .identity_provider import CLIENT_ID, IdentityProvider, running

pytestmark = pytest.mark.django_db
LOGIN = "/admin/account/login/?next=/admin/"
RIGHT = {"login": "boss", "password": "right-and-long"}
LONG = "a-long-new-one-17"
WRONG = RIGHT | {"password": "wrong"}
ACTIVATE = "/admin/account/second-factor/totp/activate/"
COMPANY = "/admin/account/company/oidc/oidc/login/"
TURNED_AWAY = "not correct"
LOCKED_OUT = "Too many failed"


@pytest.fixture(autouse=True)
def boss(db: None) -> User:
    """A superuser."""
    return User.objects.create_superuser("boss", "boss@example.com", password="right-and-long")


@pytest.fixture
def provider(settings: Settings) -> Iterator[IdentityProvider]:
    """The company's identity provider."""
    with running() as one:
        app = {
            "provider_id": "oidc", "name": "Example SSO", "client_id": CLIENT_ID, "secret": "s",
            "settings": {"server_url": one.url},
        }  # fmt: skip
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
        }
        yield one


def code_of(user: User) -> str:
    """Return what the authenticator app of somebody shows now."""
    app = Authenticator.objects.get(user=user, type="totp")
    return code_for(secret_box.unseal(app.data["secret"]))


def code_for(secret: str) -> str:
    """Return the code of a secret now."""
    counter = int(time.time()) // 30
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def through(client: Client, path: str) -> tuple[int, str]:
    """Return the status and page at the end of a sign-in by the company's account."""
    away = client.get(path)
    assert away.status_code == 302
    back = requests.get(away["Location"], allow_redirects=False, timeout=5).headers["Location"]
    parts = urlsplit(back)
    answer = client.get(f"{parts.path}?{parts.query}", follow=True)
    return answer.status_code, seen(answer.content)


def set_up(client: Client) -> None:
    """Set an app up, as the page asks for it."""
    page = client.get(ACTIVATE)
    assert page.status_code == 200, page["Location"]
    secret = re.search(r'value="([A-Z2-7]{16,})"', page.content.decode())
    assert secret
    answer = client.post(ACTIVATE, {"code": code_for(secret[1])})
    assert answer.status_code == 302, seen(answer.content)


def choose_password(client: Client, path: str) -> None:
    """Open the link that sets a password, and choose LONG."""
    form = client.get(path, follow=True)
    assert form.status_code == 200
    answer = client.post(form.redirect_chain[-1][0], {"password1": LONG, "password2": LONG})
    assert answer.status_code == 302, seen(answer.content)


def addresses(user: User) -> list[tuple[str, bool, bool]]:
    """Return the address records of a user: address, verified, primary."""
    found = EmailAddress.objects.filter(user=user).order_by("email")
    return list(found.values_list("email", "verified", "primary"))


def is_in(client: Client) -> bool:
    """Return whether somebody is signed in."""
    return "_auth_user_id" in client.session


def test_the_admin_leads_to_the_sign_in(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/admin/account/login/")
    assert "Sign in" in seen(answer.content)
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_who_fails_ten_times_waits_even_with_the_right_password(client: Client) -> None:
    for _ in range(10):
        assert TURNED_AWAY in seen(client.post(LOGIN, WRONG).content)
    assert LOCKED_OUT in seen(client.post(LOGIN, RIGHT).content)
    assert not is_in(client)
    other = client.post(LOGIN, {"login": "other", "password": "x"})
    assert TURNED_AWAY in seen(other.content)


def test_a_name_that_is_not_there_is_locked_the_same(client: Client) -> None:
    nobody = {"login": "nobody", "password": "x"}
    for _ in range(10):
        client.post(LOGIN, nobody)
    assert LOCKED_OUT in seen(client.post(LOGIN, nobody).content)


def test_signing_in_is_no_failure() -> None:
    for _ in range(12):
        assert Client().post(LOGIN, RIGHT).status_code == 302


def test_without_a_broker_the_right_password_still_opens(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches["default"], "_servers", ["redis://127.0.0.1:1/0"])
    monkeypatch.delattr(caches["default"], "_cache", raising=False)
    caches["default"].__dict__.pop("_cache", None)
    assert TURNED_AWAY in seen(client.post(LOGIN, WRONG).content)
    assert client.post(LOGIN, RIGHT).status_code == 302
    assert is_in(client)
    caches["default"].__dict__.pop("_cache", None)


def test_a_session_ends_after_a_working_day(client: Client) -> None:
    client.post(LOGIN, RIGHT)
    assert client.session.get_expiry_age() == 12 * 3600


def test_who_may_not_is_not_led_in_circles(client: Client) -> None:
    sign_in(client, User.objects.create_user("guest"))
    assert client.get("/admin/").status_code in {302, 403}
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("page", ["signup/", "email/", "company/signup/"])
def test_nobody_lets_themselves_in_or_takes_an_address(client: Client, page: str) -> None:
    client.post(LOGIN, RIGHT)
    assert client.get(f"/admin/account/{page}").status_code == 404


class TestSecondFactor:
    """Whoever has a password needs more than that."""

    def test_without_one_there_is_but_one_page(self, client: Client) -> None:
        client.post(LOGIN, RIGHT)
        for page in ("/admin/", "/admin/unsub/unsubrequest/", "/admin/preview/510001/"):
            answer = client.get(page)
            assert answer["Location"] == "/admin/account/second-factor/", page
        assert "Set up a second factor first" in seen(
            client.get("/admin/account/second-factor/").content
        )

    def test_with_one_the_next_sign_in_asks_for_it(self, client: Client, boss: User) -> None:
        client.post(LOGIN, RIGHT)
        set_up(client)
        assert client.get("/admin/").status_code == 200
        other = Client()
        answer = other.post(LOGIN, RIGHT)
        assert answer["Location"].startswith("/admin/account/second-factor/authenticate/")
        assert not is_in(other)
        assert other.get("/admin/").status_code == 302
        wrong = other.post("/admin/account/second-factor/authenticate/", {"code": "000000"})
        assert "Incorrect code" in seen(wrong.content)
        caches["default"].clear()  # a code serves once; the app shows another in half a minute
        other.post("/admin/account/second-factor/authenticate/", {"code": code_of(boss)})
        assert is_in(other)
        assert other.get("/admin/").status_code == 200

    def test_codes_cannot_be_tried_out(self, client: Client, boss: User) -> None:
        client.post(LOGIN, RIGHT)
        set_up(client)
        other = Client()
        other.post(LOGIN, RIGHT)
        for _ in range(10):
            other.post("/admin/account/second-factor/authenticate/", {"code": "000000"})
        late = other.post("/admin/account/second-factor/authenticate/", {"code": code_of(boss)})
        assert not is_in(other)
        assert "Incorrect code" not in seen(late.content)

    def test_its_secret_is_sealed(self, client: Client, boss: User, settings: Settings) -> None:
        client.post(LOGIN, RIGHT)
        set_up(client)
        kept = Authenticator.objects.get(user=boss, type="totp").data["secret"]
        secret = secret_box.unseal(kept)
        assert secret not in kept
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
        assert secret_box.unseal(kept) == secret
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(ValueError, match="another SECRET_KEY"):
            secret_box.unseal(kept)

    def test_the_companys_account_has_its_own(
        self, client: Client, provider: IdentityProvider
    ) -> None:
        provider.claims |= {"email": "boss@example.com", "email_verified": True}
        assert through(client, COMPANY)[0] == 200
        assert client.get("/admin/").status_code == 200

    def test_a_lost_phone_is_forgotten(self, admin_client: Client) -> None:
        ada = User.objects.create_user("ada", "ada@example.com", "right-and-long", is_staff=True)
        Authenticator.objects.create(user=ada, type="totp", data={"secret": "x"})
        admin_client.post(
            "/admin/auth/user/", {"action": "forget_second_factor", "_selected_action": ada.pk}
        )
        assert not Authenticator.objects.exists()
        history = admin_client.get(f"/admin/auth/user/{ada.pk}/history/")
        assert "The second factor was forgotten" in seen(history.content)


class TestCompany:
    """OpenID Connect."""

    def test_who_is_known_by_their_verified_address_comes_in(
        self, client: Client, provider: IdentityProvider, boss: User
    ) -> None:
        assert "Sign in with Example SSO" in seen(client.get(LOGIN).content)
        provider.claims |= {"email": "Boss@example.com", "email_verified": True}
        assert through(client, COMPANY)[0] == 200
        assert is_in(client)
        assert addresses(boss) == [("boss@example.com", True, True)]
        # From now on it is the account that counts, not the address.
        provider.claims |= {"email": "married@example.com"}
        again = Client()
        through(again, COMPANY)
        assert is_in(again)

    def test_their_password_is_gone_then(
        self, client: Client, provider: IdentityProvider, boss: User
    ) -> None:
        Client().post(LOGIN, RIGHT)
        assert addresses(boss) == [("boss@example.com", True, True)]
        provider.claims |= {"email": "boss@example.com", "email_verified": True}
        through(client, COMPANY)
        assert is_in(client)
        other = Client()
        other.post(LOGIN, RIGHT)
        assert not is_in(other)

    def test_a_former_address_opens_nothing(
        self, client: Client, provider: IdentityProvider, boss: User
    ) -> None:
        EmailAddress.objects.create(user=boss, email="former@example.com")
        provider.claims |= {"email": "former@example.com", "email_verified": True}
        assert "Nobody here knows this account" in through(client, COMPANY)[1]
        assert not is_in(client)

    @pytest.mark.parametrize(
        "claims",
        [
            {"email": "boss@example.com", "email_verified": False},
            {"email": "boss@example.com"},
            {"email": "stranger@example.com", "email_verified": True},
        ],
    )
    def test_nobody_else_does(
        self, client: Client, provider: IdentityProvider, claims: dict[str, object]
    ) -> None:
        provider.claims = {"sub": "x-1"} | claims
        page = through(client, COMPANY)[1]
        assert "Nobody here knows this account" in page
        assert not is_in(client)
        assert User.objects.count() == 1

    def test_a_state_that_we_did_not_give_is_refused(
        self, client: Client, provider: IdentityProvider
    ) -> None:
        provider.claims |= {"email": "boss@example.com", "email_verified": True}
        answer = client.get(f"{COMPANY}callback/?code=code&state=forged", follow=True)
        assert "That did not work" in seen(answer.content)
        assert not is_in(client)

    @pytest.mark.usefixtures("provider")
    def test_a_provider_that_is_away_is_told_of(self, client: Client, settings: Settings) -> None:
        apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
        apps[0]["settings"]["server_url"] = "http://127.0.0.1:1"
        answer = client.get(COMPANY, follow=True)
        assert "That did not work" in seen(answer.content)


class TestForgotten:
    """Passwords by mail, and by command."""

    def test_the_answer_tells_nobody_who_is_there(self, client: Client) -> None:
        for email in ("boss@example.com", "nobody@example.com"):
            answer = client.post("/admin/account/password/reset/", {"email": email})
            assert answer["Location"] == "/admin/account/password/reset/done/"
        letter = mail.outbox[0]
        assert len(mail.outbox) == 1
        assert letter.to == ["boss@example.com"]
        assert "/admin/account/password/reset/key/" in letter.body

    def test_who_has_the_company_s_account_gets_no_password(
        self, client: Client, boss: User
    ) -> None:
        boss.set_unusable_password()
        boss.save()
        SocialAccount.objects.create(user=boss, provider="oidc", uid="a-1")
        client.post("/admin/account/password/reset/", {"email": "boss@example.com"})
        assert mail.outbox == []
        sign_in(client, boss)
        for page in ("change", "set"):
            answer = client.get(f"/admin/account/password/{page}/", follow=True)
            assert answer.redirect_chain[-1][0] == "/admin/account/second-factor/", page

    def test_a_mail_server_that_is_away_changes_nothing(
        self, client: Client, settings: Settings
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        answer = client.post("/admin/account/password/reset/", {"email": "boss@example.com"})
        assert answer["Location"] == "/admin/account/password/reset/done/"

    def test_the_first_administrator_is_made_by_a_command(self, client: Client) -> None:
        said = StringIO()
        call_command("add_user", "Ada@example.com", "--group", "administrator", stdout=said)
        path = urlsplit(said.getvalue().strip().splitlines()[-1]).path
        choose_password(client, path)
        client.post(LOGIN, {"login": "ada@example.com", "password": LONG})
        assert client.get("/admin/")["Location"] == "/admin/account/second-factor/"
        set_up(client)
        assert client.get("/admin/").status_code == 200
        assert [group.name for group in User.objects.get(email="ada@example.com").groups.all()] == [
            "administrator"
        ]
        # The link served once.
        assert "password1" not in seen(Client().get(path, follow=True).content)

    def test_a_unit_and_a_lost_phone(self, unit: BusinessUnit) -> None:
        call_command("add_user", "mina@example.com", "--group", "viewer", stdout=StringIO())
        mina = User.objects.get(email="mina@example.com")
        Authenticator.objects.create(user=mina, type="totp", data={"secret": "x"})
        call_command(
            "add_user", "mina@example.com", "--mid", str(PARENT), "--forget-second-factor",
            stdout=StringIO(),
        )  # fmt: skip
        assert list(mina.units.all()) == [unit]
        assert not Authenticator.objects.exists()
        assert list(mina.groups.all()) == [Group.objects.get(name="viewer")]

    @pytest.mark.parametrize(
        "arguments",
        [("no address", "--group", "viewer"), ("new@example.com",),
         ("new@example.com", "--group", "viewer", "--mid", "9")],
    )  # fmt: skip
    def test_what_cannot_be_is_said(self, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            call_command("add_user", *arguments)
        assert not User.objects.filter(email="new@example.com").exists()


class TestAddresses:
    """An administrator who names an address vouches for it; nobody is locked out by theirs."""

    @staticmethod
    def form(user: User, **changes: Any) -> dict[str, Any]:
        """Return what the admin's form of a user sends."""
        return {
            "username": user.username, "email": user.email, "is_active": "on", "is_staff": "on",
            "first_name": "", "last_name": "", "groups": [],
        } | changes  # fmt: skip

    def test_the_command_verifies_it(self) -> None:
        call_command("add_user", "Ada@example.com", "--group", "viewer", stdout=StringIO())
        ada = User.objects.get(email="ada@example.com")
        assert addresses(ada) == [("ada@example.com", True, True)]

    def test_the_command_mends_what_an_earlier_one_left(self) -> None:
        ada = User.objects.create_user("ada", "ada@example.com")
        EmailAddress.objects.create(user=ada, email="ada@example.com")
        EmailAddress.objects.create(user=ada, email="former@example.com", primary=True)
        call_command("add_user", "ada@example.com", stdout=StringIO())
        assert addresses(ada) == [("ada@example.com", True, True)]

    def test_a_superuser_made_by_django_s_command_gets_in(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", LONG)
        call_command(
            "createsuperuser", "--noinput", "--username", "root", "--email", "Root@Example.com",
            stdout=StringIO(),
        )  # fmt: skip
        client.post(LOGIN, {"login": "root", "password": LONG})
        assert addresses(User.objects.get(username="root")) == [("root@example.com", True, True)]
        set_up(client)
        assert client.get("/admin/").status_code == 200

    def test_the_admin_s_form_verifies_it_and_removes_the_former_one(
        self, admin_client: Client
    ) -> None:
        new = {"username": "ada", "usable_password": "true", "password1": LONG, "password2": LONG}
        assert admin_client.post("/admin/auth/user/add/", new).status_code == 302
        ada = User.objects.get(username="ada")
        assert addresses(ada) == []
        page = f"/admin/auth/user/{ada.pk}/change/"
        for email, kept in (
            ("Ada@example.com", [("ada@example.com", True, True)]),
            ("married@example.com", [("married@example.com", True, True)]),
            ("", []),
        ):
            assert admin_client.post(page, self.form(ada, email=email)).status_code == 302
            assert addresses(ada) == kept

    def test_the_admin_s_form_gives_an_address_to_one_user(
        self, admin_client: Client, boss: User
    ) -> None:
        ada = User.objects.create_user("ada", "ada@example.com")
        page = f"/admin/auth/user/{ada.pk}/change/"
        answer = admin_client.post(page, self.form(ada, email="BOSS@example.com"))
        assert "Another user has this address" in seen(answer.content)
        ada.refresh_from_db()
        assert ada.email == "ada@example.com"
        # Two users from before that have the same one can still be edited.
        User.objects.filter(pk=ada.pk).update(email=boss.email)
        ada.refresh_from_db()
        answer = admin_client.post(page, self.form(ada, first_name="Ada"))
        assert answer.status_code == 302

    def test_an_address_that_its_user_left_is_free(self, admin_client: Client, boss: User) -> None:
        EmailAddress.objects.create(user=boss, email="boss@example.com", verified=True)
        User.objects.filter(pk=boss.pk).update(email="chair@example.com")
        ada = User.objects.create_user("ada")
        form = self.form(ada, email="boss@example.com")
        admin_client.post(f"/admin/auth/user/{ada.pk}/change/", form)
        assert addresses(ada) == [("boss@example.com", True, True)]
        assert addresses(boss) == []

    def test_nobody_else_changes_an_address(self, client: Client) -> None:
        ada = User.objects.create_user("ada", "ada@example.com", is_staff=True)
        ada.groups.add(Group.objects.get(name="operator"))
        sign_in(client, ada)
        form = self.form(ada, email="boss@example.com")
        assert client.post(f"/admin/auth/user/{ada.pk}/change/", form).status_code == 403
        ada.refresh_from_db()
        assert ada.email == "ada@example.com"

    def test_after_a_new_password_by_mail_a_second_factor_can_be_set_up(
        self, client: Client, boss: User
    ) -> None:
        client.post("/admin/account/password/reset/", {"email": "boss@example.com"})
        link = re.search(r"/admin/account/password/reset/key/\S+", str(mail.outbox[0].body))
        assert link
        choose_password(client, link[0])
        client.post(LOGIN, RIGHT | {"password": LONG})
        assert addresses(boss) == [("boss@example.com", True, True)]
        set_up(client)

    def test_a_reset_while_somebody_is_signed_in_locks_nobody_out(
        self, client: Client, boss: User
    ) -> None:
        client.force_login(boss)
        Client().post("/admin/account/password/reset/", {"email": "boss@example.com"})
        assert addresses(boss) == [("boss@example.com", False, False)]
        client.post("/admin/account/confirm/", {"password": RIGHT["password"]})
        set_up(client)

    def test_a_former_address_gets_no_new_password(self, client: Client, boss: User) -> None:
        EmailAddress.objects.create(user=boss, email="former@example.com")
        client.post("/admin/account/password/reset/", {"email": "former@example.com"})
        assert mail.outbox == []
        client.post(LOGIN, RIGHT)
        assert addresses(boss) == [("boss@example.com", True, True)]

    def test_who_has_no_address_sets_a_second_factor_up(self, client: Client) -> None:
        ada = User.objects.create_user("ada", "", LONG, is_staff=True)
        client.post(LOGIN, {"login": "ada", "password": LONG})
        set_up(client)
        assert client.get("/admin/").status_code == 200
        assert addresses(ada) == []

    def test_two_users_with_one_address_both_get_in(self, boss: User) -> None:
        twin = User.objects.create_user("twin", "BOSS@example.com", LONG, is_staff=True)
        EmailAddress.objects.create(user=twin, email="boss@example.com")
        for login in (RIGHT, {"login": "twin", "password": LONG}):
            client = Client()
            client.post(LOGIN, login)
            set_up(client)
            assert client.get("/admin/").status_code == 200
        assert addresses(boss) == [("boss@example.com", True, True)]
        assert addresses(twin) == []

    def test_a_sign_in_writes_nothing_where_the_address_is_verified(self, client: Client) -> None:
        client.post(LOGIN, RIGHT)
        with CaptureQueriesContext(connection) as queries:
            Client().post(LOGIN, RIGHT)
        sql = [query["sql"] for query in queries if "account_emailaddress" in query["sql"]]
        assert sql
        assert all(line.startswith("SELECT") for line in sql)
