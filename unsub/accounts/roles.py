"""Roles: the groups of users, in words, and which of them a user may give to others."""

from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, Permission, User
from django.utils.translation import gettext_lazy as _

from unsub.models import BusinessUnit
from unsub.units.access import ALL_UNITS, units_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Of the groups that a migration creates. A group of the deployment's own is shown by its name.
WORDS: dict[str, "tuple[_StrPromise, _StrPromise]"] = {
    "viewer": (_("Viewer"), _("Sees the requests and settings of their business units.")),
    "marketer": (
        _("Marketer"),
        _(
            "Also edits pages, texts and reasons of their business units, retries requests and "
            "answers deletion requests."
        ),
    ),
    "operator": (
        _("Operator"),
        _("Sees every business unit, sets it up and retries requests. Doesn’t edit texts."),
    ),
    "administrator": (
        _("Administrator"),
        _("Everything in every business unit, and manages users."),
    ),
}


def name_of(group: Group) -> str:
    """Return the name of a role, as pages and emails have it."""
    return str(WORDS[group.name][0]) if group.name in WORDS else group.name


def described(group: Group) -> str:
    """Return the name of a role and what it may do."""
    if group.name not in WORDS:
        return group.name
    name, words = WORDS[group.name]
    return f"{name}: {words}"


def permissions_of(group: Group) -> set[str]:
    """Return the permissions of a role, as `has_perm` takes them."""
    rows = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{code}" for app, code in rows}


def is_of_all_units(group: Group) -> bool:
    """Return whether users of a role see every business unit, without being a member of any."""
    return ALL_UNITS in permissions_of(group)


def given_by(user: User) -> list[Group]:
    """Return the roles that a user may give: those with no permission that the user lacks. Two
    queries."""
    groups = list(Group.objects.order_by("pk"))
    if user.is_superuser:
        return groups
    own = user.get_all_permissions()
    granted = Permission.objects.filter(group__isnull=False)
    more = {
        group
        for group, app, code in granted.values_list("group", "content_type__app_label", "codename")
        if f"{app}.{code}" not in own
    }
    return [group for group in groups if group.pk not in more]


def may_manage(user: User, other: User) -> bool:
    """Return whether a user may give another one what that one has: roles, permissions and
    business units. Who may not, may not act as that one either: set the password or the address, or
    remove the second factor."""
    if user.is_superuser:
        return True
    given = {group.pk for group in given_by(user)}
    units = set(BusinessUnit.objects.filter(members=other).values_list("mid", flat=True))
    of_their_own = other.user_permissions.values_list("content_type__app_label", "codename")
    return (
        not other.is_superuser
        and set(other.groups.values_list("pk", flat=True)) <= given
        and {f"{app}.{code}" for app, code in of_their_own} <= user.get_all_permissions()
        and units <= set(units_of(user).values_list("mid", flat=True))
    )
