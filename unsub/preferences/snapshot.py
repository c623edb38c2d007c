"""Read a subscriber's data from Marketing Cloud while the page waits, with a deadline."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from django.core.cache import cache

from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue, reads
from unsub.infra import digests
from unsub.models import KeyHolds, MailingList
from unsub.sfmc import (
    DataColumn,
    Definition,
    MailList,
    Membership,
    Profile,
    UnknownOutcomeError,
)

from .topics import OfferedTopic, RowKey, columns_by_row

_Read = Callable[[], Any]
_Started = Future[Any] | None

TIMEOUT = 3.0  # seconds that a page request waits for Marketing Cloud
CACHE_SECONDS = 20  # seconds that a subscriber's data stays in the cache
UNSUBSCRIBED = "Unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSnapshot:
    """What could be read; None marks what could not. `lists` are the public publication lists by
    name, `memberships` maps ListID to the subscriber's status on it, `topics` the codes of the
    topics that could be read to the values that Marketing Cloud has, "" for none."""

    lists: tuple[MailList, ...] | None = None
    memberships: dict[int, str] | None = None
    profile: Profile | None = field(default=None, repr=False)
    definitions: tuple[Definition, ...] | None = None
    topics: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shows_lists(self) -> bool:
        """Whether it is known which lists the subscriber receives."""
        return self.lists is not None and self.memberships is not None

    @property
    def left_everything(self) -> bool:
        """Whether the subscriber is unsubscribed from everything."""
        return self.profile is not None and self.profile.status == UNSUBSCRIBED


def fetch(
    mid: int,
    subscriber: SubscriberContext,
    *,
    details: bool,
    topics: Collection[OfferedTopic] = (),
) -> ProfileSnapshot:
    """Return what Marketing Cloud answers within TIMEOUT seconds; `details` includes the attribute
    definitions. Independent reads run in parallel, those that need the profile after it. Failed and
    late reads are None, and leave out the topics that they were for."""
    until = monotonic() + TIMEOUT
    wanted: dict[str, _Read] = {
        "lists": partial(_lists, mid),
        "profile": partial(_profile, mid, subscriber),
    }
    if details:
        wanted["definitions"] = partial(catalogue.definitions, mid)
    started = {name: reads.start(read) for name, read in wanted.items()}
    reading = _Second(mid=mid, subscriber=subscriber, columns=columns_by_row(topics), until=until)
    reading.start(subscriber.subscriber_key or "", subscriber.subscriber_id, "")
    found = {name: reads.result(mid, name, one, until) for name, one in started.items()}
    profile: Profile | None = found["profile"]
    if profile:
        reading.start(profile.subscriber_key, profile.subscriber_id, profile.email_address)
    memberships, rows = reading.results()
    return ProfileSnapshot(
        **found, memberships=memberships, topics=_topic_values(topics, profile, rows)
    )


class _Second:
    """The reads that need an identifier of the subscriber. Each is started once, as soon as what it
    needs is known: from the link, else from the profile. The address is that of the profile: a link
    may have a former one."""

    def __init__(
        self,
        *,
        mid: int,
        subscriber: SubscriberContext,
        columns: Mapping[RowKey, tuple[str, ...]],
        until: float,
    ) -> None:
        self._mid, self._subscriber, self._columns = mid, subscriber, columns
        self._until = until
        self._memberships: _Started = None
        self._has_memberships = False
        self._rows: dict[RowKey, _Started] = {}

    def start(self, key: str, subscriber_id: int | None, address: str) -> None:
        """Start the reads for which this is enough, and which are not started."""
        mid, who = self._mid, self._subscriber
        if key and not self._has_memberships:
            self._has_memberships = True
            self._memberships = reads.start(partial(_memberships, mid, who, key))
        held = {
            KeyHolds.SUBSCRIBER_KEY.value: key,
            KeyHolds.SUBSCRIBER_ID.value: str(subscriber_id or ""),
            KeyHolds.ADDRESS.value: address,
        }
        for row, columns in self._columns.items():
            if row not in self._rows and (value := held[row.holds]):
                read = partial(_row, mid, who, row, columns, value)
                self._rows[row] = reads.start_row(
                    read, place=(mid, row.data_extension), until=self._until
                )

    def results(self) -> tuple[dict[int, str] | None, dict[RowKey, dict[str, str]]]:
        """Return the memberships, or None, and the rows that were read."""
        memberships = reads.result(self._mid, "memberships", self._memberships, self._until)
        rows = {
            row: reads.result(self._mid, "data extension", one, self._until)
            for row, one in self._rows.items()
        }
        return memberships, {row: one for row, one in rows.items() if one is not None}


def _topic_values(
    topics: Collection[OfferedTopic],
    profile: Profile | None,
    rows: Mapping[RowKey, Mapping[str, str]],
) -> dict[str, str]:
    """Return the values of the topics that could be read, by code. Names of columns are compared in
    any letter case, as Marketing Cloud does. A row has no value for a column that is not there."""
    found: dict[str, str] = {}
    for one in topics:
        if one.row is None and profile is not None:
            found[one.code] = profile.attributes.get(one.column, "")
        elif one.row is not None and one.row in rows:
            values = {name.casefold(): value for name, value in rows[one.row].items()}
            if one.column.casefold() in values:
                found[one.code] = values[one.column.casefold()]
    return found


def known_lists(mid: int) -> list[tuple[int, str]]:
    """Return (ListID, name) of the lists to offer when Marketing Cloud does not answer: the cached
    public lists of the last day, else the lists configured for the unit. Raises DatabaseError."""
    kept = _public(catalogue.known_lists(mid))
    if kept:
        return [(one.list_id, one.name) for one in kept]
    return list(
        MailingList.objects.filter(unit_id=mid).order_by("name").values_list("list_id", "name")
    )


def forget(mid: int, subscriber: SubscriberContext, topics: Collection[OfferedTopic] = ()) -> None:
    """Delete the cached data of a subscriber, so that the next read calls Marketing Cloud."""
    rows = [_row_name(*one) for one in columns_by_row(topics).items()]
    for what in ("memberships", "profile", *rows):
        cache.delete(_name(what, mid, subscriber))


def _lists(mid: int) -> tuple[MailList, ...]:
    """Return the unit's public lists by name. Raises an SfmcError."""
    return _public(catalogue.lists(mid))


def _public(lists: list[MailList]) -> tuple[MailList, ...]:
    """Return the public lists by name: no groups, private or suppression lists."""
    public = (one for one in lists if one.is_public)
    return tuple(sorted(public, key=lambda one: one.name.casefold()))


def _profile(mid: int, subscriber: SubscriberContext) -> Profile | None:
    """Return the profile, or None for an unknown subscriber. Raises an SfmcError."""
    found: Profile | None = _kept(
        "profile", mid, subscriber, lambda: gateway.profile_of(mid, subscriber)
    )
    return found


def _memberships(mid: int, subscriber: SubscriberContext, key: str) -> dict[int, str]:
    """Return {ListID: status} of the subscriber's memberships. Raises an SfmcError."""
    memberships: list[Membership] = _kept(
        "memberships", mid, subscriber, lambda: gateway.memberships(mid, key)
    )
    return {one.list_id: one.status for one in memberships}


def _row(
    mid: int,
    subscriber: SubscriberContext,
    row: RowKey,
    columns: Sequence[str],
    value: str,
) -> dict[str, str]:
    """Return the values of those columns that are there, in a subscriber's row of a data extension;
    "" without a row. Raises an SfmcError."""
    found: dict[str, str] = _kept(
        _row_name(row, columns), mid, subscriber, lambda: _read_row(mid, row, columns, value)
    )
    return found


def _read_row(mid: int, row: RowKey, columns: Sequence[str], value: str) -> dict[str, str]:
    """Return what `_row` does. Marketing Cloud refuses a read that names a column which is not
    there, or not as it is written: what is there is looked up then, so that one wrong column hides
    no topic but its own."""
    began = monotonic()
    wanted = (row.column, *columns)
    known = catalogue.known_data_columns(mid, row.data_extension)
    names = _as_written(wanted, known)
    try:
        return _read_columns(mid, row, names, value)
    except UnknownOutcomeError:
        # Without a reply, or where the columns are known already, looking them up helps nobody.
        if known or monotonic() - began > TIMEOUT:
            raise
        there = _as_written(wanted, catalogue.data_columns(mid, row.data_extension))
        if there == names:
            raise
    return _read_columns(mid, row, there, value)


def _as_written(columns: Sequence[str], known: Sequence[DataColumn]) -> list[str]:
    """Return those of the columns that are known, as the data extension has them; all of them where
    none is known."""
    names = {one.name.casefold(): one.name for one in known}
    there = dict.fromkeys(names[one.casefold()] for one in columns if one.casefold() in names)
    return [*there] or [*columns]


def _read_columns(mid: int, row: RowKey, names: Sequence[str], value: str) -> dict[str, str]:
    """Return the values of the columns `names`, of which the first is the key."""
    key, *columns = names
    if key.casefold() != row.column.casefold() or not columns:
        return {}
    found = gateway.data_values(mid, row.data_extension, key=(key, value), columns=columns)
    return dict.fromkeys(columns, "") | dict(found)


def _row_name(row: RowKey, columns: Sequence[str]) -> str:
    """Return the part of a cache key that stands for columns of the rows of a data extension."""
    place = "\n".join((row.data_extension, row.column, row.holds, *columns))
    return f"row:{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def _kept(what: str, mid: int, subscriber: SubscriberContext, read: Callable[[], Any]) -> Any:
    """Return the cached value, or read it and cache it for CACHE_SECONDS. None is not
    cached."""
    name = _name(what, mid, subscriber)
    value = cache.get(name)
    if value is None:
        value = read()
        cache.set(name, value, timeout=CACHE_SECONDS)
    return value


def _name(what: str, mid: int, subscriber: SubscriberContext) -> str:
    """Return a cache key that does not reveal the subscriber."""
    who = (subscriber.subscriber_id, subscriber.subscriber_key, subscriber.email_address)
    return f"profile:{what}:{digests.digest(digests.Purpose.PROFILE, mid, *who)}"
