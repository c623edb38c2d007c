"""Retrieve: UnsubEvents and Subscribers of one unit, page by page, under one simple filter."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from threading import Lock

from .envelopes import Retrieve
from .memory import Memory
from .values import ListKind, MailList

PAGE_SIZE = 2500
# Tracking is in the vendor's own time, without a zone: Central Standard Time all year round.
SERVER_TIME = timezone(timedelta(hours=-6))
Row = Mapping[str, str]


class RetrieveError(Exception):
    """A Retrieve that cannot be served; the message stands after `Error: `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of rows of a kind; `overall` is OK or MoreDataAvailable."""

    overall: str
    request_id: str
    kind: str
    rows: Sequence[Row]


class Shelf:
    """What can be read, and the pages that somebody has not come back for."""

    def __init__(self, memory: Memory) -> None:
        self.page_size = PAGE_SIZE
        self._memory = memory
        self._kinds: Mapping[str, Callable[[int], Iterator[Row]]] = {
            "UnsubEvent": self._events,
            "Subscriber": self._subscribers,
            "List": self._lists,
            "ListSubscriber": self._list_subscribers,
        }
        self._rest: dict[str, tuple[str, list[Row]]] = {}
        self._lock = Lock()

    def page(self, mid: int, asked: Retrieve) -> Page:
        """Return the first page of what is asked for, or the next of what was; raises
        RetrieveError."""
        if asked.continues:
            with self._lock:
                kind, rows = self._rest.pop(asked.continues, ("", []))
            if not kind:
                raise RetrieveError("The ContinueRequest is not known")
        else:
            kind, rows = asked.object_type, self._find(mid, asked)
        now, later = rows[: self.page_size], rows[self.page_size :]
        request_id = str(uuid.uuid4())
        if later:
            with self._lock:
                self._rest[request_id] = (kind, later)
        overall = "MoreDataAvailable" if later else "OK"
        return Page(overall=overall, request_id=request_id, kind=kind, rows=now)

    def _find(self, mid: int, asked: Retrieve) -> list[Row]:
        if asked.object_type not in self._kinds:
            raise RetrieveError(f"The object type {asked.object_type} cannot be retrieved")
        keep = _condition(asked)
        rows = [row for row in self._kinds[asked.object_type](mid) if keep(row)]
        # In the order of the schema, whatever the order asked for.
        wanted = frozenset(asked.properties)
        return [{name: row[name] for name in row if name in wanted} for row in rows]

    def _events(self, mid: int) -> Iterator[Row]:
        for entry in self._memory.entries("event"):
            if entry.mid == mid:
                at = datetime.fromisoformat(entry.at).astimezone(SERVER_TIME)
                found = {
                    "SendID": entry.job_id,
                    "SubscriberKey": entry.subscriber_key,
                    "EventDate": at.replace(tzinfo=None).isoformat(timespec="milliseconds"),
                    "BatchID": entry.batch_id,
                    "List.ID": entry.list_id,
                    "IsMasterUnsubscribed": "true" if entry.master else "false",
                }
                yield {name: str(value) for name, value in found.items() if value is not None}

    def _subscribers(self, _mid: int) -> Iterator[Row]:
        for person in self._memory.subscribers.values():
            yield {
                "ID": str(person.subscriber_id),
                "EmailAddress": person.email,
                "SubscriberKey": person.key,
            }

    def _lists(self, mid: int) -> Iterator[Row]:
        for one in self._memory.lists.values():
            if one.mid == mid:
                yield {
                    "ID": str(one.list_id),
                    "ListName": one.name,
                    "Type": _type(one),
                    "Description": one.description,
                    "ListClassification": _CLASSES[one.kind],
                }

    def _list_subscribers(self, mid: int) -> Iterator[Row]:
        """Give everybody's place on every list of the unit: all got every job, so all are on."""
        lists = [one for one in self._memory.lists.values() if one.mid == mid]
        for person in self._memory.subscribers.values():
            for one in lists:
                yield {
                    "Status": self._memory.status(person.subscriber_id, one),
                    "ListID": str(one.list_id),
                    "SubscriberKey": person.key,
                }


_CLASSES = {
    ListKind.ALL: "ExactTargetList",
    ListKind.PUBLICATION: "PublicationList",
    ListKind.SUPPRESSION: "SuppressionList",
}


def _type(one: MailList) -> str:
    if one.kind is ListKind.ALL:
        return "Master"
    return "Public" if one.public else "Private"


def _condition(asked: Retrieve) -> Callable[[Row], bool]:
    """Return whether a row passes the filter; raises RetrieveError for one that is not served."""
    name, values = asked.filtered_by, asked.values
    if not name:
        return lambda _row: True
    if asked.operator in {"equals", "IN"}:
        wanted = {value.casefold() for value in values}
        return lambda row: row.get(name, "").casefold() in wanted
    if asked.operator == "greaterThanOrEqual" and len(values) == 1:
        since = _time(values[0])
        return lambda row: name in row and _time(row[name]) >= since
    raise RetrieveError(f"The operator {asked.operator} cannot be used on {name}")


def _time(text: str) -> datetime:
    """Return a time; one without a zone is the vendor's own."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RetrieveError("A date could not be read") from None
    return (at if at.tzinfo else at.replace(tzinfo=SERVER_TIME)).astimezone(UTC)
