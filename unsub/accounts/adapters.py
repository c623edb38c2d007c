"""Who comes in: people whom an administrator has made, and nobody else."""

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
from django.contrib.auth.models import User
from django.http import HttpRequest

from . import email_addresses, secret_box

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody makes an account for themselves, and a mail server that is away stops nobody."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Return that it is not."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign somebody in. Their address is confirmed now where it was not when it was named: it
        was by `createsuperuser`, or by a version that left it unverified."""
        email_addresses.confirm(user)
        super().login(request, user)

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Return whether to ask for the password again: not of whoever has just signed in."""
        records = get_authentication_records(now.request, now.request.user)
        just_now = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
        if any(record.get("at", 0) > just_now for record in records):
            return False
        return bool(super().is_reauthentication_required(app=app))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail somebody about their account. Where the mail server does not answer the page says
        what it would have said, so that it never tells which addresses are there."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as err:
            log.exception(
                "account_email_failed", template=template_prefix, error=type(err).__name__
            )


class CompanyAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The company's identity provider says who somebody is; whether they may come in, we know."""

    def is_open_for_signup(self, _request: HttpRequest, _login: Any) -> bool:
        """Return that an account that nobody here was given opens nothing."""
        return False

    def authenticate_by_email(self, sociallogin: Any) -> tuple[User, str] | None:
        """Return the user whose address the provider has verified, and the address. A former
        address of theirs does not count."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        return found if found and email_addresses.is_address_of(*found) else None

    def pre_social_login(self, _request: HttpRequest, sociallogin: Any) -> None:
        """Take the password from a user who signs in with the company's account for the first
        time, so that leaving the company is enough. allauth does so for unverified addresses
        only."""
        is_sign_in = sociallogin.state.get("process") in {None, AuthProcess.LOGIN}
        if is_sign_in and sociallogin.is_existing and sociallogin.account.pk is None:
            sociallogin.user.set_unusable_password()
            sociallogin.user.save(update_fields=["password"])


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps are kept encrypted: a copy of the database opens no door."""

    def encrypt(self, text: str) -> str:
        """Return what to keep."""
        return secret_box.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return what was kept. Raises ValueError where SECRET_KEY is another than then."""
        return secret_box.unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Return what an authenticator app calls us."""
        return "Profile Center"
