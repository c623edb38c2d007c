"""The sandbox's objects: units, lists, jobs, attributes and subscribers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ListKind(StrEnum):
    """Kind of a list, which decides how it takes part in an unsubscribe."""

    ALL = "all subscribers"
    PUBLICATION = "publication"
    SUPPRESSION = "suppression"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A business unit. `key_permission` is its SubscriberKey permission."""

    mid: int
    name: str
    parent: int | None = None
    key_permission: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MailList:
    """A list of one unit. `members` are the SubscriberIDs on it at the start; None means all
    subscribers."""

    list_id: int
    mid: int
    name: str
    kind: ListKind = ListKind.PUBLICATION
    description: str = ""
    public: bool = True
    members: frozenset[int] | None = None

    def holds(self, subscriber_id: int) -> bool:
        """Return whether the subscriber is on the list at the start."""
        return self.members is None or subscriber_id in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A send to one list. A higher JobID is a newer job.

    Sends are computed, not stored: every subscriber received every job, except those in
    `not_sent_to` (SubscriberIDs). `name` is that of the email, which was sent `days_ago`.
    """

    job_id: int
    mid: int
    list_id: int
    name: str
    batches: tuple[int, ...] = (0,)
    not_sent_to: frozenset[int] = frozenset()
    subject: str = ""
    days_ago: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A profile attribute. `data_type` is the vendor's: Text, Number, Decimal, Date, Boolean,
    EmailAddress or Phone. With `choices` it is a restricted picklist."""

    name: str
    data_type: str = "Text"
    max_length: int | None = None
    min_length: int | None = None
    required: bool = False
    viewable: bool = True
    editable: bool = True
    choices: tuple[str, ...] = ()
    default: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExtension:
    """A data extension of one unit, which `key` (CustomerKey) names. `rows` are those that it has
    at the start; each has a value for `primary_key`, the name of one of its columns."""

    key: str
    mid: int
    name: str
    columns: tuple[Attribute, ...]
    primary_key: str = "SubscriberKey"
    rows: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A subscriber of the enterprise in their current state, with the three identifiers that
    LogUnsubEvent accepts.

    `status` is the account's: Active, Bounced, Held, Deleted, or Unsubscribed, which is a master
    unsubscribe. `unsubscribed_at` is ISO 8601 in UTC. `attributes` are as Retrieve returns them.
    """

    subscriber_id: int
    key: str
    email: str
    status: str = "Active"
    email_type: str = "HTML"
    attributes: Mapping[str, str] = field(default_factory=dict)
    unsubscribed_at: str | None = None
