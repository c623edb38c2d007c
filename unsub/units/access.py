"""Which business units a user may see: the ones they are a member of, or all with a permission."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from unsub.models import BusinessUnit

ALL_UNITS = "unsub.all_units"
AnyUser = AbstractBaseUser | AnonymousUser


def sees_all(user: AnyUser) -> bool:
    """Return whether the user may see every unit, including MIDs without a BusinessUnit row."""
    return isinstance(user, PermissionsMixin) and user.has_perm(ALL_UNITS)


def units_of(user: AnyUser) -> QuerySet[BusinessUnit]:
    """Return the units that the user may see."""
    if sees_all(user):
        return BusinessUnit.objects.all()
    # An anonymous user has no pk, and members=None would match units without members.
    return BusinessUnit.objects.filter(members=user.pk) if user.pk else BusinessUnit.objects.none()


def mids_of(user: AnyUser) -> list[int] | None:
    """Return the MIDs that the user may see, or None for all."""
    if sees_all(user):
        return None
    return list(units_of(user).order_by().values_list("mid", flat=True))
