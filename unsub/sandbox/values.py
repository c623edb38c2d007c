"""What the stand-in knows about: units, lists, jobs, subscribers, and what was unsubscribed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ListKind(StrEnum):
    """How a list takes part in an unsubscribe."""

    ALL = "all subscribers"
    PUBLICATION = "publication"
    SUPPRESSION = "suppression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A business unit; `key_permission` is the SubscriberKey permission of the seed."""

    mid: int
    name: str
    parent: int | None = None
    key_permission: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MailList:
    """A list of one unit."""

    list_id: int
    mid: int
    name: str
    kind: ListKind = ListKind.PUBLICATION
    description: str = ""
    public: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A send to one list. A higher JobID is a newer job.

    Sends are computed, not stored: everybody got every job but those named in `not_sent_to`
    (SubscriberIDs).
    """

    job_id: int
    mid: int
    list_id: int
    name: str
    batches: tuple[int, ...] = (0,)
    not_sent_to: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person of the enterprise, under the three names that LogUnsubEvent accepts."""

    subscriber_id: int
    key: str
    email: str


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
