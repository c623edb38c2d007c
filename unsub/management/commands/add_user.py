"""manage.py add_user: create users of the admin, the first administrator among them."""

from argparse import ArgumentParser
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from unsub.accounts import email_addresses, events
from unsub.management.arguments import whole_number
from unsub.models import BusinessUnit

GROUPS = ("viewer", "marketer", "operator", "administrator")


class Command(BaseCommand):
    """Creates or changes a user, and prints a link that sets their password."""

    help = "Create a user of the admin, or change one; prints a link to choose a password, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="email address; also the sign-in name")
        parser.add_argument("--group", choices=GROUPS, action="append", default=[])
        parser.add_argument(
            "--mid",
            type=whole_number,
            action="append",
            default=[],
            help="a business unit to give access to",
        )
        parser.add_argument(
            "--forget-second-factor",
            action="store_true",
            help="after the loss of a phone: the next sign-in sets up a new one",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Save the user and print the link. Raises CommandError for invalid options."""
        email = str(options["email"]).strip().casefold()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError("This is not a valid email address.") from None
        units = self._units(options["mid"])
        with transaction.atomic():
            user, is_new = self._user(email)
            if is_new and not options["group"]:
                raise CommandError(f"A new user needs a --group: {', '.join(GROUPS)}.")
            user.groups.add(*Group.objects.filter(name__in=options["group"]))
            user.units.add(*units)
            email_addresses.confirm(user)
            if options["forget_second_factor"]:
                Authenticator.objects.filter(user=user).delete()
                events.factors_forgotten(user)
        self.stdout.write(
            f"{'Created' if is_new else 'Changed'} user {user.pk}. This link sets the password, "
            f"once, within {settings.PASSWORD_RESET_TIMEOUT // 3600} hours:"
        )
        self.stdout.write(f"{settings.ADMIN_URL}{_path(user)}")

    @staticmethod
    def _user(email: str) -> tuple[User, bool]:
        """Return the user with this address, and whether it is new. Raises CommandError where there
        are several."""
        found = list(User.objects.filter(email__iexact=email)[:2])
        if len(found) > 1:
            raise CommandError("Several users have this address: correct that in the admin first.")
        user = found[0] if found else User(username=email[:150], email=email)
        user.is_staff = user.is_active = True
        if not found:
            user.set_unusable_password()
        user.save()
        return user, not found

    @staticmethod
    def _units(mids: list[int]) -> list[BusinessUnit]:
        """Return the units. Raises CommandError where one does not exist."""
        units = list(BusinessUnit.objects.filter(mid__in=mids))
        if missing := set(mids) - {unit.mid for unit in units}:
            raise CommandError(f"There is no business unit {min(missing)}: see add_unit.")
        return units


def _path(user: User) -> str:
    """Return the path of the page that sets the user's password."""
    key = default_token_generator.make_token(user)
    return reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(user), "key": key},
    )
