"""Email addresses of the people who sign in.

An administrator named each of them, in `add_user`, `createsuperuser` or the admin; no page lets a
user change their own (urls.py). So `User.email` is the truth, and counts as verified. allauth keeps
a second record, `EmailAddress`, which this module derives from it.
"""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction


def confirm(user: User) -> None:
    """Make the user's address their only `EmailAddress`, verified and primary.

    Removes their other ones: a former address must receive no password link and match no company
    account. Where another user has the same address and it is verified for them, this user keeps
    none, because the database allows one. Writes only what is different; locks the user's row for
    that, until the transaction ends.
    """
    email = user.email.lower()
    if _is_confirmed(user, email):
        return
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            _write(user, email)
    except IntegrityError:
        # Another user with the same address was faster. The next sign-in tries again.
        return


def is_address_of(user: User, email: str) -> bool:
    """Return whether the address is the user's now, in whatever case it is written."""
    return user.email.lower() == email.lower()


def _is_confirmed(user: User, email: str) -> bool:
    """Return whether there is nothing to write."""
    found = EmailAddress.objects.filter(user=user).values_list("email", "verified", "primary")
    return list(found) == ([(email, True, True)] if email else [])


def _write(user: User, email: str) -> None:
    """Remove what is outdated and write the address."""
    same = EmailAddress.objects.filter(email=email)
    # Of users whose address has changed since.
    same.exclude(user__email__iexact=email).delete()
    if not email or same.filter(verified=True).exclude(user=user).exists():
        EmailAddress.objects.filter(user=user).delete()
        return
    EmailAddress.objects.filter(user=user).exclude(email=email).delete()
    wanted = {"verified": True, "primary": True}
    EmailAddress.objects.update_or_create(user=user, email=email, defaults=wanted)
