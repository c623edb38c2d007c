"""What is asked of somebody at the door."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.socialaccount.models import SocialAccount

from .email_addresses import is_address_of


class ForgottenForm(ResetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """Asks for an address to mail a link to. Whoever comes with the company's account gets none:
    else a password of theirs would outlive it."""

    def clean_email(self) -> str:
        """Return the address; whom it is mailed to is told nobody."""
        email: str = super().clean_email()
        theirs = SocialAccount.objects.filter(user__in=self.users).values_list("user_id", flat=True)
        kept = set(theirs)
        self.users: list[Any] = [
            user for user in self.users if user.pk not in kept and is_address_of(user, email)
        ]
        return email
