"""Subscribers: identifiers, profile and updates (manual: "Subscriber")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .messages import client_element, fits_xml, pairs, text

SUBSCRIBER_PROPERTIES = ("ID", "SubscriberKey", "EmailAddress")
# Attributes are returned without being requested, and cannot be requested by name.
PROFILE_PROPERTIES = (*SUBSCRIBER_PROPERTIES, "Status", "EmailTypePreference")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberName:
    """The three identifiers of a subscriber."""

    subscriber_id: int
    subscriber_key: str = field(repr=False)
    email_address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A subscriber in the account. `status` and `email_type` are Marketing Cloud's values.
    `attributes` maps names to values; "" for no value."""

    subscriber_id: int
    subscriber_key: str = field(repr=False)
    email_address: str = field(repr=False)
    status: str
    email_type: str
    attributes: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """A change of one list membership. `action` is `create` without a membership so far, else
    `update`; `status` is the new status."""

    list_id: int
    status: str
    action: str

    def as_element(self) -> dict[str, Any]:
        """Return the change as zeep takes it."""
        return {"ID": self.list_id, "Status": self.status, "Action": self.action}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberUpdate:
    """Changes of one subscriber; None leaves a value as it is. An attribute set to "" is cleared.
    `status` applies to the whole account."""

    subscriber_key: str = field(repr=False)
    email_address: str | None = field(default=None, repr=False)
    attributes: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    email_type: str | None = None
    status: str | None = None
    lists: tuple[ListChange, ...] = ()
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML 1.0 can carry all values."""
        texts = [self.subscriber_key, self.email_address, self.email_type, self.status]
        texts += [one for pair in self.attributes for one in pair]
        texts += [one for change in self.lists for one in (change.status, change.action)]
        return fits_xml(one for one in texts if one is not None)

    def as_element(self) -> dict[str, Any]:
        """Return the subscriber as zeep takes it. None is left out: an empty element would clear
        the value in the account."""
        texts = {
            "EmailAddress": self.email_address,
            "SubscriberKey": self.subscriber_key,
            "Status": self.status,
            "EmailTypePreference": self.email_type,
        }
        return (
            client_element(self.client_mid)
            | {name: value for name, value in texts.items() if value is not None}
            | ({"Attributes": pairs(self.attributes)} if self.attributes else {})
            | ({"Lists": [change.as_element() for change in self.lists]} if self.lists else {})
        )


def read_subscriber_name(row: Any) -> SubscriberName:
    """Convert a row. Raises AttributeError or TypeError without an ID."""
    return SubscriberName(
        subscriber_id=int(row.ID),
        subscriber_key=str(row.SubscriberKey or ""),
        email_address=str(row.EmailAddress or ""),
    )


def read_profile(row: Any) -> Profile:
    """Convert a row. Raises AttributeError or TypeError without an ID."""
    return Profile(
        subscriber_id=int(row.ID),
        subscriber_key=str(row.SubscriberKey or ""),
        email_address=str(row.EmailAddress or ""),
        status=text(row.Status),
        email_type=text(row.EmailTypePreference),
        attributes={
            str(one.Name): str(one.Value or "")
            for one in row.Attributes or ()
            if one is not None and text(one.Name)
        },
    )
