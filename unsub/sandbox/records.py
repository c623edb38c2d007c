"""What happened, one value each; the journal keeps them, the JSON lists show them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .values import Job, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a call that passed every rule will do: whom it takes off, and what it is charged to.

    `job` None is a master unsubscribe without an UnsubEvent. `master` with a job is the All
    Subscribers list: master unsubscribed, and tracked against the job.
    """

    subscriber: Subscriber
    master: bool
    reason: str
    job: Job | None = None
    list_id: int | None = None
    batch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One unsubscribe that happened. `at` is ISO 8601 in UTC; `parameters` are as received.

    `kind` is `event` for an UnsubEvent and `master` for a master unsubscribe that left none.
    """

    id: int
    at: str
    kind: str
    mid: int
    parameters: Mapping[str, str]
    subscriber_id: int
    subscriber_key: str
    job_id: int | None
    list_id: int | None
    batch_id: int | None
    reason: str
    master: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """What an Update asks for on one list; `action` is create, update, upsert or delete."""

    list_id: int
    status: str | None = None
    action: str = "upsert"

    @property
    def joins(self) -> bool:
        """Whether it asks for somebody to be Active; a place that is made without a Status is."""
        if self.action == "create" and self.status is None:
            return True
        return self.status == "Active" and self.action != "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an Update gives for one subscriber, as received; None is not given."""

    email: str | None = None
    email_type: str | None = None
    status: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[ListChange, ...] = ()

    @property
    def resubscribes(self) -> bool:
        """Whether it would make somebody Active, on a list or altogether."""
        return self.status == "Active" or any(one.joins for one in self.lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One Update of a subscriber that took effect; `given` is as received."""

    id: int
    at: str
    mid: int
    subscriber_id: int
    subscriber_key: str
    given: Change
    kind: str = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail of a triggered send, to one subscriber; `attributes` are as given."""

    id: int
    at: str
    mid: int
    definition: str
    subscriber_key: str
    email: str
    attributes: Mapping[str, str]
    kind: str = "mail"


Record: TypeAlias = Entry | Update | Mail
