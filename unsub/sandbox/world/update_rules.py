"""Rules of a Subscriber Update: which subscriber it means, what is valid, and the new state.

Reads the memory and never changes it. The manual says little about refusals; where a code of its
Subscriber table (12000-12099) fits, that one is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from .attributes import clean, is_address
from .entities import Attribute, ListKind, MailList, Subscriber, Unit
from .errors import RuleError
from .records import Change, ListChange

STATUSES = frozenset({"Active", "Unsubscribed"})
EMAIL_TYPES = frozenset({"HTML", "Text"})
ACTIONS = frozenset({"create", "update", "upsert", "delete"})
LIST_KINDS = frozenset({ListKind.PUBLICATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Identifiers in an Update; "" where not given."""

    subscriber_id: str = ""
    key: str = ""
    email: str = ""


class Lookup(Protocol):
    """What the rules read from the memory."""

    attributes: Mapping[str, Attribute]

    def find(self, name: str, value: str) -> Subscriber | None:
        """Return the subscriber whose parameter `name` is `value`."""

    def mail_list(self, list_id: int) -> MailList | None:
        """Return the list of that ID."""

    def place(self, subscriber_id: int, mail_list: MailList) -> str:
        """Return Active, Unsubscribed, or "" without a membership."""


def find_by_names(memory: Lookup, unit: Unit, names: Names) -> Subscriber:
    """Return the subscriber that an Update means. Raises RuleError 12001 or 12015."""
    if names.key:
        found, code = memory.find("SubscriberKey", names.key), 12015
    elif names.subscriber_id:
        found, code = memory.find("SubscriberID", names.subscriber_id), 12001
    elif names.email and not unit.key_permission:
        found, code = memory.find("EmailAddress", names.email), 12001
    else:
        # With the SubscriberKey permission on, several people may share an address.
        found, code = None, 12001
    if found is None:
        raise RuleError(code)
    return found


def check(memory: Lookup, unit: Unit, subscriber: Subscriber, change: Change) -> None:
    """Return None if every given value is valid. Raises RuleError otherwise: an Update is all or
    nothing."""
    if change.email is not None:
        _check_email(memory, unit, subscriber, change.email)
    if change.status is not None and change.status not in STATUSES:
        raise RuleError(12010)
    # Assumption: the manual has no code for a value outside the schema's enumeration.
    if change.email_type is not None and change.email_type not in EMAIL_TYPES:
        raise RuleError(None)
    for name, value in change.attributes.items():
        # The vendor ignores unknown attribute names without an error.
        if name in memory.attributes:
            clean(memory.attributes[name], value)
    for one in change.lists:
        _check_list(memory, unit, subscriber, one)


def changed(
    subscriber: Subscriber, change: Change, *, known: Mapping[str, Attribute], at: str
) -> Subscriber:
    """Return the subscriber after a change that passed `check`.

    Assumption: IsEditable is a rule of profile centres only; the API writes any attribute.
    """
    given = {x: clean(known[x], value) for x, value in change.attributes.items() if x in known}
    gone = subscriber.unsubscribed_at or at
    status = change.status or subscriber.status
    return replace(
        subscriber,
        email=subscriber.email if change.email is None else change.email,
        email_type=change.email_type or subscriber.email_type,
        attributes={**subscriber.attributes, **given},
        status=status,
        unsubscribed_at=gone if status == "Unsubscribed" else None,
    )


def _check_email(memory: Lookup, unit: Unit, subscriber: Subscriber, email: str) -> None:
    if not is_address(email):
        raise RuleError(12000)
    other = memory.find("EmailAddress", email)
    if not unit.key_permission and other is not None and other != subscriber:
        # Without the permission, the address is the key.
        raise RuleError(12007)


def _check_list(memory: Lookup, unit: Unit, subscriber: Subscriber, one: ListChange) -> None:
    found = memory.mail_list(one.list_id)
    # Assumption: lists of other units are unknown to this one, and All Subscribers, groups and
    # suppression lists cannot be changed through Lists.
    if found is None or found.mid != unit.mid or found.kind not in LIST_KINDS:
        raise RuleError(12010)
    if one.action not in ACTIONS or (one.status is not None and one.status not in STATUSES):
        raise RuleError(12010)
    place = memory.place(subscriber.subscriber_id, found)
    if one.action in {"update", "delete"} and not place:
        raise RuleError(12010 if one.joins else 12009)
    # Assumption: an Unsubscribed membership still exists, so making it Active is an update.
    if one.action == "create" and place:
        raise RuleError(12014)
