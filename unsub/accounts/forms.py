"""Forms of the sign-in pages."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest

from . import events, sign_in_limits
from .email_addresses import is_address_of


class ForgottenForm(ResetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """Requests a password link by email. Users with single sign-on get none: their new password
    would remain valid after their company's account is closed."""

    def clean_email(self) -> str:
        """Return the address. The response does not reveal whether a user has it."""
        email: str = super().clean_email()
        theirs = SocialAccount.objects.filter(user__in=self.users).values_list("user_id", flat=True)
        kept = set(theirs)
        self.users: list[Any] = [
            user for user in self.users if user.pk not in kept and is_address_of(user, email)
        ]
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Send the link, and record that it was asked for. Returns the address."""
        events.reset_asked(request, self.users)
        email: str = super().save(request, **kwargs)
        return email


class LimitedCode:
    """Limits wrong codes of a second factor, in known browsers apart from all others."""

    user: Any

    def clean_code(self) -> str:
        """Return the code. Raises ValidationError if it is wrong, or if there were too many."""
        try:
            limits = sign_in_limits.code_check(context.request, self.user)
        except sign_in_limits.TooManyFailuresError:
            events.code_limited(context.request, self.user)
            raise get_adapter().validation_error("too_many_login_attempts") from None
        code: str = super().clean_code()  # type: ignore[misc]  # of the form
        sign_in_limits.give_back(limits)
        return code


class CodeForm(LimitedCode, AuthenticateForm):  # type: ignore[misc]
    """Asks for a code at sign-in."""


class ConfirmCodeForm(LimitedCode, ReauthenticateForm):  # type: ignore[misc]
    """Asks for a code before a change of the account."""
