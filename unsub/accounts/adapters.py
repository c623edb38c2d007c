"""Adapters of django-allauth: only users whom an administrator created can sign in."""

import time
from typing import Any

import structlog
from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context as now
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from unsub.infra.client_address import client_address

from . import (
    devices,
    email_addresses,
    events,
    invitations,
    secret_box,
    sign_in_limits,
    time_zones,
)
from .provider_calls import ProviderSession

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """No sign-up, limited and recorded sign-ins, and an unreachable mail server does not break a
    page."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "sign_in_busy": "Too many sign-ins at the moment. Try again in a few seconds."
    }

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Return False: administrators create users."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the user whose password was given, or None. Raises ValidationError above the
        limits of sign_in_limits.py, without a look at the password."""
        login = str(credentials.get("username") or credentials.get("email") or "")
        users = sign_in_limits.users_named(login)
        try:
            with sign_in_limits.password_check(request, login, users) as limits:
                user: User | None = super().authenticate(request, **credentials)
        except sign_in_limits.TooManyFailuresError:
            events.sign_in_limited(request, users, "too many failures")
            raise self.validation_error("too_many_login_attempts") from None
        except sign_in_limits.BusyError:
            events.sign_in_limited(request, users, "too many at once")
            raise self.validation_error("sign_in_busy") from None
        if user is None:
            events.sign_in_failed(request, users, "wrong password")
        else:
            sign_in_limits.give_back(limits)
        return user

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Return the redirect for a user who was deactivated."""
        events.sign_in_failed(request, [user], "the user is not active")
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign a user in, after all steps. Confirms their address first, because `createsuperuser`
        and older versions of the admin left it unverified."""
        email_addresses.confirm(user)
        # Before Django writes the time of the last sign-in.
        events.signed_in(request, user, is_new_device=devices.device_of(request, user) is None)
        super().login(request, user)
        time_zones.remember(request, user)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Return the response to a completed sign-in. Its cookie makes the browser a known one."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        devices.remember(request, response, user)
        return response

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address, as the limits and the log have it."""
        return client_address(request)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the address of the page that sets a password. Never with the request's Host: the
        link is a credential."""
        path = reverse(
            "account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"}
        ).replace("UID-KEY", key)
        return f"{settings.ADMIN_URL}{path}"

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Return whether the user has to enter the password again: not within
        REAUTHENTICATION_TIMEOUT seconds after signing in."""
        records = get_authentication_records(now.request, now.request.user)
        just_now = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
        if any(record.get("at", 0) > just_now for record in records):
            return False
        return bool(super().is_reauthentication_required(app=app))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send an email about an account. Where the mail server does not answer, this is logged
        and the page shows its usual text, so that it does not reveal which addresses have an
        account."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as err:
            log.exception(
                "account_email_failed", template=template_prefix, error=type(err).__name__
            )


class CompanyAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Single sign-on: the identity provider authenticates, the user has to exist here."""

    def is_open_for_signup(self, _request: HttpRequest, _login: Any) -> bool:
        """Return False: an account without a user here is refused."""
        return False

    def get_requests_session(self) -> ProviderSession:
        """Return a session for calls to the identity provider."""
        return ProviderSession()

    def authenticate_by_email(self, sociallogin: Any) -> tuple[User, str] | None:
        """Return the user with an address that the provider has verified, and the address. A user's
        former addresses are not accepted."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        return found if found and email_addresses.is_address_of(*found) else None

    def pre_social_login(self, _request: HttpRequest, sociallogin: Any) -> None:
        """Accept the invitation of a user who was invited: the provider has verified the address.

        Remove the password of a user who uses single sign-on for the first time, so that closing
        the company's account ends their access. allauth does this for unverified addresses only.
        """
        is_sign_in = sociallogin.state.get("process") in {None, AuthProcess.LOGIN}
        if is_sign_in and sociallogin.is_existing and not sociallogin.user.is_active:
            invitations.accept(sociallogin.user)
        if is_sign_in and sociallogin.is_existing and sociallogin.account.pk is None:
            sociallogin.user.set_unusable_password()
            sociallogin.user.save(update_fields=["password"])


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Stores the secrets of authenticator apps encrypted: a copy of the database alone is not
    enough to sign in."""

    def encrypt(self, text: str) -> str:
        """Return the text encrypted."""
        return secret_box.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the decrypted text. Raises ValueError where it was encrypted under another
        SECRET_KEY."""
        return secret_box.unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Return the issuer name that authenticator apps show."""
        return "Profile Center"
