"""Who acts, for the log of the admin."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def acting(user: AbstractBaseUser | AnonymousUser) -> int:
    """Return the user's id; raises TypeError for a visitor, whom the admin lets do nothing."""
    pk: Any = user.pk
    return int(pk)
