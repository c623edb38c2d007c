"""Sign-in to the admin: password and second factor, single sign-on, and who is refused."""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import requests
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import PARENT, seen, sign_in
from tests.sfmc.vendor import drip, hang
from tests.slow_names import SLOW, slow_names
from unsub.accounts import invitations, provider_calls, secret_box
from unsub.accounts.invitations import Invitee
from unsub.infra import rate_limit
from unsub.models import BusinessUnit, Invitation

from .identity_provider import CLIENT_ID, Behaviour, IdentityProvider
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
FACTOR = "/admin/account/second-factor/"
COMPANY = "/admin/account/company/oidc/oidc/login/"
UNAVAILABLE = "/admin/account/company/error/"


@pytest.fixture(autouse=True)
def boss(db: None) -> User:
    """A superuser."""
    return User.objects.create_superuser("boss", "boss@example.com", password="right-and-long")


@pytest.fixture
def provider(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityProvider]:
    """The company's identity provider, which a busy machine may let wait."""
    monkeypatch.setattr(provider_calls, "SECONDS", 60.0)
    with IdentityProvider() as one:
        app = {
            "provider_id": "oidc", "name": "Example SSO", "client_id": CLIENT_ID, "secret": "s",
            "settings": {"server_url": one.url},
        }  # fmt: skip
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
        }
        yield one


def through(client: Client, path: str) -> tuple[int, str]:
    """Return status and page text at the end of a single sign-on."""
    away = client.get(path)
    assert away.status_code == 302
    back = requests.get(away["Location"], allow_redirects=False, timeout=60).headers["Location"]
    parts = urlsplit(back)
    answer = client.get(f"{parts.path}?{parts.query}", follow=True)
    return answer.status_code, seen(answer.content)


def _of(name: str) -> Invitation:
    """Return the invitation of a user under example.com."""
    return Invitation.objects.get(user__email=f"{name}@example.com")


def addresses(user: User) -> list[tuple[str, bool, bool]]:
    """Return the address records of a user: address, verified, primary."""
    found = EmailAddress.objects.filter(user=user).order_by("email")
    return list(found.values_list("email", "verified", "primary"))


def is_in(client: Client) -> bool:
    """Return whether a user is signed in."""
    return "_auth_user_id" in client.session


def test_the_admin_redirects_to_the_sign_in_page(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/admin/account/login/")
    assert "Sign in" in seen(answer.content)
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_after_ten_failures_the_right_password_is_locked_out_too(client: Client) -> None:
    for _ in range(10):
        assert TURNED_AWAY in seen(client.post(LOGIN, WRONG).content)
    assert LOCKED_OUT in seen(client.post(LOGIN, RIGHT).content)
    assert not is_in(client)
    other = client.post(LOGIN, {"login": "other", "password": "x"})
    assert TURNED_AWAY in seen(other.content)


def test_an_unknown_user_name_is_locked_out_alike(client: Client) -> None:
    nobody = {"login": "nobody", "password": "x"}
    for _ in range(10):
        client.post(LOGIN, nobody)
    assert LOCKED_OUT in seen(client.post(LOGIN, nobody).content)


def test_successful_sign_ins_are_not_counted_as_failures() -> None:
    for _ in range(12):
        assert Client().post(LOGIN, RIGHT).status_code == 302


def test_without_a_broker_users_can_still_sign_in(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches["default"], "_servers", ["redis://127.0.0.1:1/0"])
    caches["default"].__dict__.pop("_cache", None)
    monkeypatch.setattr(rate_limit, "_counters", redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert TURNED_AWAY in seen(client.post(LOGIN, WRONG).content)
    assert client.post(LOGIN, RIGHT).status_code == 302
    assert is_in(client)
    caches["default"].__dict__.pop("_cache", None)


def test_a_session_ends_after_a_working_day(client: Client) -> None:
    client.post(LOGIN, RIGHT)
    assert client.session.get_expiry_age() == 12 * 3600


def test_a_user_without_permission_gets_403_and_no_redirect_loop(client: Client) -> None:
    sign_in(client, User.objects.create_user("guest"))
    assert client.get("/admin/").status_code in {302, 403}
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("page", ["signup/", "email/", "company/signup/"])
def test_there_is_no_sign_up_and_no_change_of_address(client: Client, page: str) -> None:
    client.post(LOGIN, RIGHT)
    assert client.get(f"/admin/account/{page}").status_code == 404


@pytest.mark.parametrize("page", ["", "login/", "account/login/", "account/password/reset/"])
def test_the_admin_answers_under_its_own_host_only(
    client: Client, settings: Settings, page: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.ADMIN_URL = "https://admin.example.com:8443"
    for host in ("news.example.com", "localhost", "127.0.0.1:8000", "admin.example.com.evil.test"):
        for answer in (
            client.get(f"/admin/{page}", headers={"Host": host}),
            client.post(f"/admin/{page}", RIGHT, headers={"Host": host}),
        ):
            assert answer.status_code == 404, host
            assert not answer.cookies
    for host in ("admin.example.com", "ADMIN.example.com:8443", "admin.example.com:80"):
        assert client.get(f"/admin/{page}", headers={"Host": host}).status_code in {200, 302}


def test_on_this_machine_the_admin_answers_under_each_name_of_it(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.ADMIN_URL = "http://localhost:8000"
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get(LOGIN, headers={"Host": host}).status_code == 200
    assert client.get(LOGIN, headers={"Host": "news.example.com"}).status_code == 404
    settings.ADMIN_URL, settings.DEBUG = "https://admin.example.com", True
    assert client.get(LOGIN, headers={"Host": "localhost:8000"}).status_code == 200


def test_a_password_link_begins_with_the_admin_s_address_whatever_the_host_is(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.ADMIN_URL = "https://admin.example.com"
    for host in ("admin.example.com:6666", "ADMIN.EXAMPLE.COM"):
        client.post(
            "/admin/account/password/reset/", {"email": "boss@example.com"}, headers={"Host": host}
        )
    said = StringIO()
    call_command("add_user", "boss@example.com", stdout=said)
    texts = [*(str(message.body) for message in mail.outbox), said.getvalue()]
    assert len(texts) == 3
    for text in texts:
        assert "https://admin.example.com/admin/account/password/reset/key/" in text
        # With the colon: the token of the link may have these digits in a row.
        assert ":6666" not in re.findall(r"\S+/key/\S+", text)[0]


class TestSecondFactor:
    """Users with a password need a second factor."""

    def test_without_a_second_factor_only_its_page_opens(self, client: Client) -> None:
        client.post(LOGIN, RIGHT)
        for page in ("/admin/", "/admin/unsub/subscriberrequest/", "/admin/preview/510001/"):
            answer = client.get(page)
            assert answer["Location"] == "/admin/account/second-factor/", page
        assert "Set up two-factor authentication first" in seen(
            client.get("/admin/account/second-factor/").content
        )

    def test_with_a_second_factor_the_next_sign_in_asks_for_it(
        self, client: Client, boss: User
    ) -> None:
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
        caches["default"].clear()  # a code is valid once; the app shows another within 30 seconds
        other.post("/admin/account/second-factor/authenticate/", {"code": code_of(boss)})
        assert is_in(other)
        assert other.get("/admin/").status_code == 200

    def test_a_session_that_gave_no_factor_ends_when_the_user_sets_one_up(
        self, client: Client, boss: User
    ) -> None:
        stranger = Client()
        for one in (stranger, client):
            one.post(LOGIN, RIGHT)
        set_up(client)
        # With the password alone nobody gets further, nor removes the factor or reads its codes.
        assert stranger.post(f"{FACTOR}totp/deactivate/")["Location"] == "/admin/account/login/"
        assert not is_in(stranger)
        assert Authenticator.objects.filter(user=boss, type="totp").exists()
        for page in ("/admin/", FACTOR, f"{FACTOR}recovery-codes/"):
            assert stranger.get(page).status_code == 302
            assert client.get(page).status_code == 200

    def test_guessing_codes_is_limited(self, client: Client, boss: User) -> None:
        client.post(LOGIN, RIGHT)
        set_up(client)
        other = Client()
        other.post(LOGIN, RIGHT)
        for _ in range(10):
            other.post("/admin/account/second-factor/authenticate/", {"code": "000000"})
        late = other.post("/admin/account/second-factor/authenticate/", {"code": code_of(boss)})
        assert not is_in(other)
        assert "Incorrect code" not in seen(late.content)

    def test_the_secret_of_the_app_is_encrypted(
        self, client: Client, boss: User, settings: Settings
    ) -> None:
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

    def test_single_sign_on_needs_no_further_factor(
        self, client: Client, provider: IdentityProvider
    ) -> None:
        provider.claims |= {"email": "boss@example.com", "email_verified": True}
        assert through(client, COMPANY)[0] == 200
        assert client.get("/admin/").status_code == 200

    def test_an_administrator_resets_the_second_factor_of_a_lost_phone(
        self, admin_client: Client
    ) -> None:
        ada = User.objects.create_user("ada", "ada@example.com", "right-and-long", is_staff=True)
        Authenticator.objects.create(user=ada, type="totp", data={"secret": "x"})
        admin_client.post(
            "/admin/auth/user/", {"action": "forget_second_factor", "_selected_action": ada.pk}
        )
        assert not Authenticator.objects.exists()
        history = admin_client.get(f"/admin/auth/user/{ada.pk}/history/")
        assert "Two-factor authentication was reset" in seen(history.content)


class TestCompany:
    """Single sign-on by OpenID Connect."""

    def test_a_user_is_found_by_their_verified_address(
        self, client: Client, provider: IdentityProvider, boss: User
    ) -> None:
        assert "Sign in with Example SSO" in seen(client.get(LOGIN).content)
        provider.claims |= {"email": "Boss@example.com", "email_verified": True}
        assert through(client, COMPANY)[0] == 200
        assert is_in(client)
        assert addresses(boss) == [("boss@example.com", True, True)]
        # From now on the account identifies the user, not the address.
        provider.claims |= {"email": "married@example.com"}
        again = Client()
        through(again, COMPANY)
        assert is_in(again)

    def test_single_sign_on_removes_the_user_s_password(
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

    def test_an_invited_colleague_signs_in_while_the_invitation_is_open(
        self,
        provider: IdentityProvider,
        boss: User,
        unit: BusinessUnit,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        role = Group.objects.get(name="viewer")
        with django_capture_on_commit_callbacks(execute=True):
            for name in ("eve", "late", "revoked"):
                whom = Invitee(email=f"{name}@example.com", name="", role=role, units=[unit])
                invitations.invite(boss, whom)
        Invitation.objects.filter(pk=_of("late").pk).update(expires_at=timezone.now())
        invitations.revoke(boss, _of("revoked"))
        page = Client().get(f"/admin/account/invitation/{invitations.token_of(_of('eve'))}/")
        assert f'href="{COMPANY}?process=login"' in page.content.decode()
        for name, comes_in in (("late", False), ("revoked", False), ("eve", True)):
            provider.claims |= {
                "sub": name, "email": f"{name}@example.com", "email_verified": True
            }  # fmt: skip
            browser = Client()
            through(browser, COMPANY)
            assert is_in(browser) is comes_in, name
        assert _of("eve").accepted_at is not None
        assert not User.objects.get(email="eve@example.com").has_usable_password()

    def test_a_former_address_does_not_sign_in(
        self, client: Client, provider: IdentityProvider, boss: User
    ) -> None:
        EmailAddress.objects.create(user=boss, email="former@example.com")
        provider.claims |= {"email": "former@example.com", "email_verified": True}
        assert "You don’t have access yet" in through(client, COMPANY)[1]
        assert not is_in(client)

    @pytest.mark.parametrize(
        "claims",
        [
            {"email": "boss@example.com", "email_verified": False},
            {"email": "boss@example.com"},
            {"email": "stranger@example.com", "email_verified": True},
        ],
    )
    def test_unverified_and_unknown_addresses_do_not_sign_in(
        self, client: Client, provider: IdentityProvider, claims: dict[str, object]
    ) -> None:
        provider.claims = {"sub": "x-1"} | claims
        page = through(client, COMPANY)[1]
        assert "You don’t have access yet" in page
        assert not is_in(client)
        assert User.objects.count() == 1

    @pytest.mark.parametrize("act", [hang, drip])
    def test_a_provider_that_does_not_answer_is_given_up(
        self,
        client: Client,
        provider: IdentityProvider,
        monkeypatch: pytest.MonkeyPatch,
        act: Behaviour,
    ) -> None:
        monkeypatch.setattr(provider_calls, "SECONDS", 0.5)
        provider.act = act
        assert client.get(COMPANY)["Location"] == UNAVAILABLE

    @pytest.mark.usefixtures("provider")
    def test_a_provider_whose_name_no_resolver_answers_is_given_up(
        self, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider_calls, "SECONDS", 0.2)
        app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
        app["settings"] = {"server_url": f"http://{SLOW}:1"}
        with slow_names() as look_ups:
            assert client.get(COMPANY)["Location"] == UNAVAILABLE
            assert not look_ups.answered

    def test_an_unknown_state_is_refused(self, client: Client, provider: IdentityProvider) -> None:
        provider.claims |= {"email": "boss@example.com", "email_verified": True}
        answer = client.get(f"{COMPANY}callback/?code=code&state=forged", follow=True)
        assert "Sign-in failed" in seen(answer.content)
        assert not is_in(client)

    @pytest.mark.usefixtures("provider")
    def test_an_unreachable_provider_shows_an_error_page(
        self, client: Client, settings: Settings
    ) -> None:
        apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
        apps[0]["settings"]["server_url"] = "http://127.0.0.1:1"
        answer = client.get(COMPANY, follow=True)
        assert "Sign-in failed" in seen(answer.content)


class TestForgotten:
    """Password links by email, and by command."""

    def test_the_response_does_not_reveal_who_has_an_account(self, client: Client) -> None:
        for email in ("boss@example.com", "nobody@example.com"):
            answer = client.post("/admin/account/password/reset/", {"email": email})
            assert answer["Location"] == "/admin/account/password/reset/done/"
        message = mail.outbox[0]
        assert len(mail.outbox) == 1
        assert message.to == ["boss@example.com"]
        assert "/admin/account/password/reset/key/" in message.body

    def test_a_user_with_single_sign_on_gets_no_password_link(
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

    def test_an_unreachable_mail_server_does_not_change_the_response(
        self, client: Client, settings: Settings
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        answer = client.post("/admin/account/password/reset/", {"email": "boss@example.com"})
        assert answer["Location"] == "/admin/account/password/reset/done/"

    def test_a_command_creates_the_first_administrator(self, client: Client) -> None:
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
        # The link works once.
        assert "password1" not in seen(Client().get(path, follow=True).content)

    def test_the_command_adds_a_unit_and_resets_the_second_factor(self, unit: BusinessUnit) -> None:
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
    def test_invalid_arguments_are_refused(self, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            call_command("add_user", *arguments)
        assert not User.objects.filter(email="new@example.com").exists()


class TestAddresses:
    """Addresses count as verified because administrators enter them; an address never locks its
    user out."""

    @staticmethod
    def form(user: User, **changes: Any) -> dict[str, Any]:
        """Return what the admin's form of a user submits."""
        return {
            "username": user.username, "email": user.email, "is_active": "on", "is_staff": "on",
            "first_name": "", "last_name": "", "groups": [],
        } | changes  # fmt: skip

    def test_the_command_verifies_the_address(self) -> None:
        call_command("add_user", "Ada@example.com", "--group", "viewer", stdout=StringIO())
        ada = User.objects.get(email="ada@example.com")
        assert addresses(ada) == [("ada@example.com", True, True)]

    def test_the_command_corrects_outdated_address_records(self) -> None:
        ada = User.objects.create_user("ada", "ada@example.com")
        EmailAddress.objects.create(user=ada, email="ada@example.com")
        EmailAddress.objects.create(user=ada, email="former@example.com", primary=True)
        call_command("add_user", "ada@example.com", stdout=StringIO())
        assert addresses(ada) == [("ada@example.com", True, True)]

    def test_a_superuser_made_by_django_s_command_can_sign_in(
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

    def test_the_admin_s_form_verifies_an_address_and_removes_the_former_one(
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

    def test_the_admin_s_form_refuses_an_address_that_another_user_has(
        self, admin_client: Client, boss: User
    ) -> None:
        ada = User.objects.create_user("ada", "ada@example.com")
        page = f"/admin/auth/user/{ada.pk}/change/"
        answer = admin_client.post(page, self.form(ada, email="BOSS@example.com"))
        assert "Another user has this email address" in seen(answer.content)
        ada.refresh_from_db()
        assert ada.email == "ada@example.com"
        # Users who share an address already can still be edited.
        User.objects.filter(pk=ada.pk).update(email=boss.email)
        ada.refresh_from_db()
        answer = admin_client.post(page, self.form(ada, first_name="Ada"))
        assert answer.status_code == 302

    def test_a_former_address_of_one_user_can_be_given_to_another(
        self, admin_client: Client, boss: User
    ) -> None:
        EmailAddress.objects.create(user=boss, email="boss@example.com", verified=True)
        User.objects.filter(pk=boss.pk).update(email="chair@example.com")
        ada = User.objects.create_user("ada")
        form = self.form(ada, email="boss@example.com")
        admin_client.post(f"/admin/auth/user/{ada.pk}/change/", form)
        assert addresses(ada) == [("boss@example.com", True, True)]
        assert addresses(boss) == []

    def test_other_groups_cannot_change_addresses(self, client: Client) -> None:
        ada = User.objects.create_user("ada", "ada@example.com", is_staff=True)
        ada.groups.add(Group.objects.get(name="operator"))
        sign_in(client, ada)
        form = self.form(ada, email="boss@example.com")
        assert client.post(f"/admin/auth/user/{ada.pk}/change/", form).status_code == 403
        ada.refresh_from_db()
        assert ada.email == "ada@example.com"

    def test_after_a_password_reset_by_email_a_second_factor_can_be_set_up(
        self, client: Client, boss: User
    ) -> None:
        client.post("/admin/account/password/reset/", {"email": "boss@example.com"})
        link = re.search(r"/admin/account/password/reset/key/\S+", str(mail.outbox[0].body))
        assert link
        choose_password(client, link[0])
        client.post(LOGIN, RIGHT | {"password": LONG})
        assert addresses(boss) == [("boss@example.com", True, True)]
        set_up(client)

    def test_a_password_reset_during_a_session_does_not_lock_the_user_out(
        self, client: Client, boss: User
    ) -> None:
        client.force_login(boss)
        Client().post("/admin/account/password/reset/", {"email": "boss@example.com"})
        assert addresses(boss) == [("boss@example.com", False, False)]
        client.post("/admin/account/confirm/", {"password": RIGHT["password"]})
        set_up(client)

    def test_a_former_address_gets_no_password_link(self, client: Client, boss: User) -> None:
        EmailAddress.objects.create(user=boss, email="former@example.com")
        client.post("/admin/account/password/reset/", {"email": "former@example.com"})
        assert mail.outbox == []
        client.post(LOGIN, RIGHT)
        assert addresses(boss) == [("boss@example.com", True, True)]

    def test_a_user_without_an_address_can_set_up_a_second_factor(self, client: Client) -> None:
        ada = User.objects.create_user("ada", "", LONG, is_staff=True)
        client.post(LOGIN, {"login": "ada", "password": LONG})
        set_up(client)
        assert client.get("/admin/").status_code == 200
        assert addresses(ada) == []

    def test_two_users_with_the_same_address_can_both_sign_in(self, boss: User) -> None:
        twin = User.objects.create_user("twin", "BOSS@example.com", LONG, is_staff=True)
        EmailAddress.objects.create(user=twin, email="boss@example.com")
        for login in (RIGHT, {"login": "twin", "password": LONG}):
            client = Client()
            client.post(LOGIN, login)
            set_up(client)
            assert client.get("/admin/").status_code == 200
        assert addresses(boss) == [("boss@example.com", True, True)]
        assert addresses(twin) == []

    def test_a_sign_in_with_a_verified_address_writes_no_address_records(
        self, client: Client
    ) -> None:
        client.post(LOGIN, RIGHT)
        with CaptureQueriesContext(connection) as queries:
            Client().post(LOGIN, RIGHT)
        sql = [query["sql"] for query in queries if "account_emailaddress" in query["sql"]]
        assert sql
        assert all(line.startswith("SELECT") for line in sql)
