"""Forms of the sign-in pages."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.socialaccount.models import SocialAccount

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
