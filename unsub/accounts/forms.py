"""Forms of the sign-in pages."""

import zoneinfo
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm, UserTokenForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from . import events, invitations, sign_in_limits
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


class TokenForm(UserTokenForm):  # type: ignore[misc]
    """Checks a link that sets a password."""

    reset_user: Any

    def clean(self) -> dict[str, Any]:
        """Return the data. Raises ValidationError for a link that is void, and for that of an
        inactive user whose invitation has ended."""
        given: dict[str, Any] = super().clean()
        if not invitations.may_set_password(self.reset_user):
            self.reset_user = None
            raise get_adapter().validation_error("invalid_password_reset")
        return given


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


class SettingsForm(forms.Form):
    """What a user sets for themself. `default` is the time zone of who has chosen none."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_(
            "Of the times in the admin. Days, in the overview and in filters, are those of the "
            "business unit’s time zone."
        ),
    )

    def __init__(self, *args: Any, default: str, **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["time_zone"]
        field.choices = [("", gettext("Default (%s)") % default), *_zones()]


def _zones() -> list[tuple[str, str]]:
    """Return the time zones by area and city, as (name, name in words), and UTC."""
    names = sorted(name for name in zoneinfo.available_timezones() if _is_place(name))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


def _is_place(name: str) -> bool:
    """Return whether a time zone is one of a place, not of an abbreviation or an offset."""
    return "/" in name and name.partition("/")[0] in _AREAS


_AREAS = frozenset({
    "Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian",
    "Pacific",
})  # fmt: skip
