"""Calls to Marketing Cloud for a business unit.

Every call raises RuntimeError inside a database transaction. Calls that change something take
`before`, which runs directly before each message is sent; what it raises is raised, and nothing is
sent.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from unsub.domain.context import SubscriberContext
from unsub.models import BusinessUnit, TokenBy
from unsub.sfmc import (
    FIELD_PROPERTIES,
    LIST_PROPERTIES,
    LIST_SUBSCRIBER_PROPERTIES,
    LOG_UNSUB_EVENT,
    PROFILE_PROPERTIES,
    SEND_PROPERTIES,
    SUBSCRIBER_PROPERTIES,
    UNSUB_EVENT_PROPERTIES,
    CallReply,
    DataColumn,
    DataRow,
    Definition,
    ExecuteRequest,
    Filter,
    MailList,
    Membership,
    Profile,
    RetrieveRequest,
    SentEmail,
    SubscriberName,
    SubscriberUpdate,
    SystemStatus,
    TransientError,
    TriggeredSend,
    UnsubEvent,
    read_column,
    read_list,
    read_membership,
    read_profile,
    read_sent_email,
    read_subscriber_name,
    read_unsub_event,
    read_values,
    row_type,
)
from unsub.sfmc.client import Before, Client

from .credentials import credentials
from .watching import watch_call

Parameters = tuple[tuple[str, str], ...]
Row = TypeVar("Row")
log = structlog.get_logger(__name__)
_loading = Lock()


def log_unsub_events(
    mid: int, calls: Sequence[Parameters], *, before: Before | None = None
) -> CallReply:
    """Call LogUnsubEvent for each parameter set, in one Execute message. Return the reply, results
    in the order of `calls`. Raises an SfmcError; unsub.sfmc.errors says what each means."""
    _outside()
    route = _route(mid)
    requests = [
        ExecuteRequest(name=LOG_UNSUB_EVENT, parameters=call, client_mid=route.mid)
        for call in calls
    ]
    return route.client.execute(requests, before=before)


def system_status() -> SystemStatus:
    """Return GetSystemStatus: a probe that changes nothing. Raises an SfmcError."""
    _outside()
    return _own_client().system_status()


def unsub_events(mid: int, since: datetime) -> Iterator[list[UnsubEvent]]:
    """Yield the unit's UnsubEvents since a time (aware), page by page. Raises an SfmcError."""
    condition = Filter(property="EventDate", operator="greaterThanOrEqual", times=(since,))
    yield from _pages(mid, "UnsubEvent", UNSUB_EVENT_PROPERTIES, condition, read_unsub_event)


def subscriber_names(mid: int, keys: Sequence[str]) -> list[SubscriberName]:
    """Return the identifiers of the subscribers with these keys; unknown keys are left out. Raises
    an SfmcError."""
    pages = _pages(mid, "Subscriber", SUBSCRIBER_PROPERTIES, _keyed(keys), read_subscriber_name)
    return _all(pages)


def subscribers_by_key(mid: int, keys: Sequence[str]) -> dict[str, SubscriberName]:
    """Return {key: identifiers} of the subscribers with these keys, by the keys as given. Unknown
    keys are left out, and so are those that Marketing Cloud returns in other letter case, where
    they may be of two subscribers. Raises an SfmcError."""
    found: dict[str, list[SubscriberName]] = {}
    for one in subscriber_names(mid, keys):
        key = _spelled(one.subscriber_key, keys)
        if key is not None:
            found.setdefault(key, []).append(one)
    exact = {
        key: [one for one in names if one.subscriber_key == key] or names
        for key, names in found.items()
    }
    return {key: names[0] for key, names in exact.items() if len(names) == 1}


def subscribers_called(mid: int, name: str) -> list[SubscriberName]:
    """Return the unit's subscribers with this SubscriberKey or, where it has an @, this address.
    One subscriber may be there twice. Raises an SfmcError."""
    conditions = [_keyed([name])]
    if "@" in name:
        conditions.append(Filter(property="EmailAddress", operator="equals", values=(name,)))
    return [
        one
        for condition in conditions
        for one in _all(
            _pages(mid, "Subscriber", SUBSCRIBER_PROPERTIES, condition, read_subscriber_name)
        )
    ]


def mail_lists(mid: int) -> list[MailList]:
    """Return the unit's lists, groups and suppression lists included. Raises an SfmcError."""
    return _all(_pages(mid, "List", LIST_PROPERTIES, None, read_list))


def sent_emails(mid: int, job_ids: Sequence[int]) -> list[SentEmail]:
    """Return the unit's sends with these JobIDs; unknown ones are left out. Raises an SfmcError."""
    operator = "IN" if len(job_ids) > 1 else "equals"
    condition = Filter(property="ID", operator=operator, values=tuple(map(str, job_ids)))
    return _all(_pages(mid, "Send", SEND_PROPERTIES, condition, read_sent_email))


def memberships(mid: int, subscriber_key: str) -> list[Membership]:
    """Return a subscriber's memberships in the unit's lists, with `subscriber_key` blank: the
    caller caches them, and the cache must not identify people. Raises an SfmcError."""
    found = _memberships(mid, [subscriber_key])
    return [replace(one, subscriber_key="") for one in found]


def memberships_of(mid: int, keys: Sequence[str]) -> dict[str, list[Membership]]:
    """Return {key: memberships} in the unit's lists, by the keys as given. Raises an SfmcError."""
    if len(set(keys)) == 1:
        return {keys[0]: _memberships(mid, keys[:1])}
    found: dict[str, list[Membership]] = {key: [] for key in keys}
    for one in _memberships(mid, tuple(found)) if keys else ():
        key = _spelled(one.subscriber_key, found)
        if key is not None:
            found[key].append(one)
    return found


def _spelled(returned: str, keys: Collection[str]) -> str | None:
    """Return the key that Marketing Cloud means: it may return one in other letter case than was
    requested. None where several differ in case alone: they may be two subscribers."""
    if returned in keys:
        return returned
    alike = [key for key in keys if key.lower() == returned.lower()]
    return alike[0] if len(alike) == 1 else None


def _memberships(mid: int, keys: Sequence[str]) -> list[Membership]:
    properties = LIST_SUBSCRIBER_PROPERTIES
    return _all(_pages(mid, "ListSubscriber", properties, _keyed(keys), read_membership))


def key_of(mid: int, subscriber: SubscriberContext) -> str:
    """Return the SubscriberKey of a subscriber identified by ID or address, or "" where none or
    several match. Raises an SfmcError."""
    condition = _named(subscriber)
    pages = _pages(mid, "Subscriber", SUBSCRIBER_PROPERTIES, condition, read_subscriber_name)
    found = _only(_all(pages))
    return found.subscriber_key if found else ""


def profile_of(mid: int, subscriber: SubscriberContext) -> Profile | None:
    """Return the profile of a subscriber, or None where none or several match. Raises an
    SfmcError."""
    pages = _pages(mid, "Subscriber", PROFILE_PROPERTIES, _named(subscriber), read_profile)
    return _only(_all(pages))


def definitions(mid: int) -> tuple[Definition, ...]:
    """Return the unit's profile attributes in display order. Raises an SfmcError."""
    _outside()
    route = _route(mid)
    return route.client.describe("Subscriber", client_mid=route.mid)


def data_columns(mid: int, customer_key: str) -> list[DataColumn]:
    """Return the columns of a data extension of the unit; none where there is no such data
    extension. Raises an SfmcError."""
    condition = Filter(
        property="DataExtension.CustomerKey", operator="equals", values=(customer_key,)
    )
    return _all(_pages(mid, "DataExtensionField", FIELD_PROPERTIES, condition, read_column))


def data_values(
    mid: int, customer_key: str, *, key: tuple[str, str], columns: Sequence[str]
) -> Mapping[str, str]:
    """Return the values of columns in the row of a data extension with this key, a column and its
    value; {} where there is no such row. Raises an SfmcError."""
    name, value = key
    condition = Filter(property=name, operator="equals", values=(value,))
    found = _all(_pages(mid, row_type(customer_key), tuple(columns), condition, read_values))
    return found[0] if found else {}


def upsert_rows(mid: int, rows: Sequence[DataRow], *, before: Before | None = None) -> CallReply:
    """Insert or update rows of data extensions in one Update message. Return the reply, results in
    the order of `rows`. Raises an SfmcError."""
    _outside()
    route = _route(mid)
    addressed = [replace(one, client_mid=route.mid) for one in rows]
    return route.client.upsert(addressed, before=before)


def update_subscribers(
    mid: int, updates: Sequence[SubscriberUpdate], *, before: Before | None = None
) -> CallReply:
    """Change subscribers in one Update message. Return the reply, results in the order of
    `updates`. Raises an SfmcError."""
    _outside()
    route = _route(mid)
    addressed = [replace(one, client_mid=route.mid) for one in updates]
    return route.client.update(addressed, before=before)


def send_mails(
    mid: int, sends: Sequence[TriggeredSend], *, before: Before | None = None
) -> CallReply:
    """Send emails in one Create message. Return the reply, results in the order of `sends`. Raises
    an SfmcError."""
    _outside()
    route = _route(mid)
    addressed = [replace(one, client_mid=route.mid) for one in sends]
    return route.client.create(addressed, before=before)


def _keyed(keys: Sequence[str]) -> Filter:
    """Return the filter for these keys. Marketing Cloud refuses IN with a single value."""
    operator = "IN" if len(keys) > 1 else "equals"
    return Filter(property="SubscriberKey", operator=operator, values=tuple(keys))


def _named(subscriber: SubscriberContext) -> Filter:
    """Return the filter for one subscriber: by key, else by ID, else by address."""
    names = {
        "SubscriberKey": subscriber.subscriber_key,
        "ID": subscriber.subscriber_id,
        "EmailAddress": subscriber.email_address,
    }
    name, value = next((name, value) for name, value in names.items() if value is not None)
    return Filter(property=name, operator="equals", values=(str(value),))


def _only(rows: Sequence[Row]) -> Row | None:
    """Return the only row, else None: an address that several people share identifies nobody."""
    return rows[0] if len(rows) == 1 else None


def _all(pages: Iterator[list[Row]]) -> list[Row]:
    return [row for page in pages for row in page]


def _pages(
    mid: int,
    object_type: str,
    properties: tuple[str, ...],
    condition: Filter | None,
    read: Callable[[Any], Row],
) -> Iterator[list[Row]]:
    """Yield pages of rows, each converted by `read`. Rows that it cannot convert are skipped, and
    logged by count."""
    _outside()
    route = _route(mid)
    request = RetrieveRequest(
        object_type=object_type, properties=properties, filter=condition, client_mid=route.mid
    )
    while True:
        _outside()
        page = route.client.retrieve(request)
        found = [_read(row, read) for row in page.rows]
        rows = [row for row in found if row is not None]
        if len(rows) < len(found):
            log.warning(
                "retrieved_rows_unreadable",
                mid=mid,
                object=object_type,
                rows=len(found) - len(rows),
            )
        yield rows
        if page.next_id is None:
            return
        request = replace(request, continues=page.next_id)


def _read(row: Any, read: Callable[[Any], Row]) -> Row | None:
    """Return the converted row, or None where it cannot be converted."""
    try:
        return read(row)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return None


def _outside() -> None:
    """Raise RuntimeError inside a database transaction."""
    if connection.in_atomic_block:
        raise RuntimeError("no network inside a transaction (design, invariant 8)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """How a unit is addressed: the client whose token is used, and the MID for Client/ID; None
    where the token belongs to the unit."""

    client: Client
    mid: int | None


def _route(mid: int) -> _Route:
    """Return how to address a unit, as its setting `token_by` says. Raises MisconfiguredError where
    credentials are missing, TransientError while the database does not answer."""
    base = _own_client()
    if mid == settings.SFMC_ACCOUNT_ID:
        return _Route(client=base, mid=None)
    if base.has_tokens and _token_by(mid) == TokenBy.OWN:
        return _Route(client=_client_of(base, mid), mid=None)
    return _Route(client=base, mid=mid)


def _token_by(mid: int) -> str | None:
    """Return the setting of a unit, or None for an unknown one."""
    try:
        return BusinessUnit.objects.filter(pk=mid).values_list("token_by", flat=True).first()
    except DatabaseError:
        # Not `from err`: a call by the wrong token would be worse than one later.
        raise TransientError("the unit's setting cannot be read") from None


def _own_client() -> Client:
    """Return the process's client, which the first of its threads makes for all of them: they begin
    together, and loading the WSDL takes half a second."""
    with _loading:
        return client()


@cache
def client() -> Client:
    """Return the process's client. Raises MisconfiguredError where credentials are missing."""
    return Client(
        auth=credentials(settings.SFMC_ACCOUNT_ID),
        soap_url=settings.SFMC_SOAP_URL or None,
        timeout=settings.SFMC_TIMEOUT,
        pool_size=settings.SFMC_CONCURRENCY,
        watch=watch_call,
    )


@cache
def _client_of(base: Client, mid: int) -> Client:
    """Return the process's client with the token of another unit. It shares all else with
    `base`."""
    return base.with_auth(credentials(mid))
