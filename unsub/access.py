"""Who may see which business units: everybody those they are tied to, some all of them."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from .models import BusinessUnit

ALL_UNITS = "unsub.all_units"
Somebody = AbstractBaseUser | AnonymousUser


def sees_all(user: Somebody) -> bool:
    """Return whether somebody may see every unit, those that nobody made included."""
    return isinstance(user, PermissionsMixin) and user.has_perm(ALL_UNITS)


def units_of(user: Somebody) -> QuerySet[BusinessUnit]:
    """Return the units that somebody may see."""
    if sees_all(user):
        return BusinessUnit.objects.all()
    # For somebody without a number "no members" would match.
    return BusinessUnit.objects.filter(members=user.pk) if user.pk else BusinessUnit.objects.none()


def mids_of(user: Somebody) -> list[int] | None:
    """Return the MIDs that somebody may see, or None for all."""
    if sees_all(user):
        return None
    return list(units_of(user).order_by().values_list("mid", flat=True))
