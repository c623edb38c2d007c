"""The door of the admin: who fails too often waits."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from . import throttle
from .privacy import keyed_digest

FAILURES, SECONDS = 10, 15 * 60

if TYPE_CHECKING:
    LoginFormBase = AdminAuthenticationForm
else:
    LoginFormBase = AuthenticationForm


class LoginForm(LoginFormBase):
    """Asks for name and password. After ten failures with one name within 15 minutes it says no
    without looking."""

    def clean(self) -> dict[str, Any]:
        """Return what was typed, once it is right. Raises ValidationError, the same for names that
        are and that are not there; only failures count."""
        typed = str(self.cleaned_data.get("username", ""))
        who = keyed_digest(typed, secret=settings.SECRET_KEY, purpose="login")
        if throttle.count("login", who) >= FAILURES:
            raise ValidationError(
                _("Too many failures with this name. Try again in a quarter of an hour."),
                code="locked_out",
            )
        try:
            found = super().clean()
        except ValidationError:
            throttle.may("login", who, times=FAILURES, seconds=SECONDS)
            raise
        return found
