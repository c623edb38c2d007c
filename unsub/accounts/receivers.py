"""Receivers of the signals of django-allauth and Django. They have no other hook for these events,
or several."""

from typing import Any

from allauth.account import signals as account
from allauth.core import context
from allauth.mfa import signals as factor
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_save

from unsub.models import BusinessUnit

from . import events, history, invitations, second_factor, sign_in_limits

_DONE = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}
# What the objects are called that were added to an object, by the table that links both.
_GRANTS: dict[Any, str] = {
    User.groups.through: "groups",
    User.user_permissions.through: "permissions",
    Group.permissions.through: "permissions",
    BusinessUnit.members.through: "members",
}
_TITLES: dict[type[Model], str] = {
    User: "User", Group: "Group", Permission: "Permission", BusinessUnit: "Business unit",
}  # fmt: skip


def connect() -> None:
    """Connect the receivers. Once: each has an identifier."""
    for signal, receiver in (
        (account.password_changed, events.password_changed),
        (account.password_set, events.password_changed),
        (account.password_reset, _reset_done),
        (factor.authenticator_added, events.factor_added),
        (factor.authenticator_removed, events.factor_removed),
        (factor.authenticator_reset, events.codes_renewed),
        (factor.authenticator_used, events.factor_used),
        (factor.authentication_failed, events.code_failed),
    ):
        signal.connect(receiver, dispatch_uid=f"unsub.{receiver.__name__}")
    post_save.connect(_factor_stored, sender=Authenticator, dispatch_uid="unsub.factor_stored")
    for table in _GRANTS:
        m2m_changed.connect(_grants_changed, sender=table, dispatch_uid="unsub.grants")


def _factor_stored(instance: Authenticator, created: bool, **_: Any) -> None:
    """Note in the session that its user has set up a second factor. Not by the signal of allauth,
    which is sent after the commit."""
    by = history.actor()
    if created and by is not None and by.pk == instance.user_id:
        second_factor.count_as_given(context.request, by, instance)


def _reset_done(request: Any, user: User, **_: Any) -> None:
    sign_in_limits.forgive(request, user)
    events.reset_done(request, user)
    if not user.is_active:
        invitations.accept(user)


def _grants_changed(
    sender: Any, instance: Model, action: str, model: type[Model], pk_set: Any, **_: Any
) -> None:
    """Record which groups, permissions or members an object was given or lost. A change by a
    command is in the log only: it has no user."""
    done = _DONE.get(action)
    if done is None or pk_set == set():
        return
    others = _others(sender, instance, model, pk_set)
    if not others:
        return
    what = _GRANTS[sender]
    numbers = [int(other.pk) for other in others]
    events.granted(type(instance).__name__.lower(), int(instance.pk), what, done, numbers)
    by = history.actor()
    if by is None:
        return
    history.add(by, f"{_TITLES[model]} {done}: {', '.join(map(str, others))}.", about=instance)
    for other in others:
        if isinstance(other, User):
            history.add(by, f"{_TITLES[type(instance)]} {done}: {instance}.", about=other)


def _others(sender: Any, instance: Model, model: type[Model], pk_set: Any) -> list[Model]:
    """Return the objects on the other side; of a removal of all, those that were there."""
    if pk_set is None:
        links = sender.objects.filter(**{type(instance).__name__.lower(): instance})
        pk_set = set(links.values_list(f"{model.__name__.lower()}_id", flat=True))
    rows: Any = model
    return list(rows.objects.filter(pk__in=pk_set).order_by("pk"))
