"""Records of what happened: stored in the journal, returned by the JSON lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .entities import Job, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Effect of a LogUnsubEvent that passed every rule.

    `job` None is a master unsubscribe without an UnsubEvent. `master` with a job is an unsubscribe
    from the All Subscribers list: a master unsubscribe that is tracked against the job.
    """

    subscriber: Subscriber
    master: bool
    reason: str
    job: Job | None = None
    list_id: int | None = None
    batch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One unsubscribe. `at` is ISO 8601 in UTC; `parameters` are as received.

    `kind` is `event` for an UnsubEvent, `master` for a master unsubscribe without one.
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
    """A change of one list membership in an Update. `action` is create, update, upsert or
    delete."""

    list_id: int
    status: str | None = None
    action: str = "upsert"

    @property
    def joins(self) -> bool:
        """Whether it makes the subscriber Active. A membership created without a Status is
        Active."""
        if self.action == "create" and self.status is None:
            return True
        return self.status == "Active" and self.action != "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The values of an Update of one subscriber, as received; None where not given."""

    email: str | None = None
    email_type: str | None = None
    status: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[ListChange, ...] = ()

    @property
    def resubscribes(self) -> bool:
        """Whether it would set Active, on a list or for the account."""
        return self.status == "Active" or any(one.joins for one in self.lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One applied Update; `given` is as received."""

    id: int
    at: str
    mid: int
    subscriber_id: int
    subscriber_key: str
    given: Change
    kind: str = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One email of a triggered send to one subscriber; `attributes` are as given."""

    id: int
    at: str
    mid: int
    definition: str
    subscriber_key: str
    email: str
    attributes: Mapping[str, str]
    kind: str = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row that was written to a data extension; `values` by column, as stored."""

    id: int
    at: str
    mid: int
    data_extension: str
    values: Mapping[str, str]
    kind: str = "row"


Record: TypeAlias = Entry | Update | Mail | RowChange
