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
from django.http import HttpRequest
from django.urls import reverse

from . import email_addresses, secret_box

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """No sign-up, and an unreachable mail server does not break a page."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Return False: administrators create users."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign a user in. Confirms their address first, because `createsuperuser` and older
        versions of the admin left it unverified."""
        email_addresses.confirm(user)
        super().login(request, user)

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

    def authenticate_by_email(self, sociallogin: Any) -> tuple[User, str] | None:
        """Return the user with an address that the provider has verified, and the address. A user's
        former addresses are not accepted."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        return found if found and email_addresses.is_address_of(*found) else None

    def pre_social_login(self, _request: HttpRequest, sociallogin: Any) -> None:
        """Remove the password of a user who uses single sign-on for the first time, so that closing
        the company's account ends their access. allauth does this for unverified addresses only."""
        is_sign_in = sociallogin.state.get("process") in {None, AuthProcess.LOGIN}
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
