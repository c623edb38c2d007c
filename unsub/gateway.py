"""Settings -> one Marketing Cloud client. The seam that tests replace."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connection

from .context import SubscriberContext
from .privacy import keyed_digest
from .sfmc import (
    LIST_PROPERTIES,
    LIST_SUBSCRIBER_PROPERTIES,
    LOG_UNSUB_EVENT,
    SUBSCRIBER_PROPERTIES,
    UNSUB_EVENT_PROPERTIES,
    Auth,
    Client,
    ExecuteReply,
    ExecuteRequest,
    Filter,
    MailList,
    Membership,
    MisconfiguredError,
    OAuth,
    RetrieveRequest,
    SubscriberName,
    SystemStatus,
    UnsubEvent,
    UsernameToken,
    read_list,
    read_membership,
    read_subscriber_name,
    read_unsub_event,
)
from .token_store import CachedTokenStore

Parameters = tuple[tuple[str, str], ...]
Row = TypeVar("Row")
log = structlog.get_logger(__name__)


def log_unsub_events(mid: int, calls: Sequence[Parameters]) -> ExecuteReply:
    """Return what Marketing Cloud answers to one message of LogUnsubEvents, in the order of
    `calls`. Raises an SfmcError; see unsub.sfmc.errors for what each means."""
    _outside()
    requests = [
        ExecuteRequest(name=LOG_UNSUB_EVENT, parameters=call, client_mid=_client_mid(mid))
        for call in calls
    ]
    return client().execute(requests)


def system_status() -> SystemStatus:
    """Return what GetSystemStatus says: the probe that costs nobody anything. Raises an
    SfmcError."""
    _outside()
    return client().system_status()


def unsub_events(mid: int, since: datetime) -> Iterator[list[UnsubEvent]]:
    """Give the unit's UnsubEvents since a time, page by page, as tracking has them. Raises an
    SfmcError."""
    condition = Filter(property="EventDate", operator="greaterThanOrEqual", times=(since,))
    yield from _pages(mid, "UnsubEvent", UNSUB_EVENT_PROPERTIES, condition, read_unsub_event)


def subscriber_names(mid: int, keys: Sequence[str]) -> list[SubscriberName]:
    """Return the names of the subscribers with these keys; whoever is gone is left out. Raises an
    SfmcError."""
    condition = Filter(
        property="SubscriberKey", operator="IN" if len(keys) > 1 else "equals", values=tuple(keys)
    )
    return _all(_pages(mid, "Subscriber", SUBSCRIBER_PROPERTIES, condition, read_subscriber_name))


def mail_lists(mid: int) -> list[MailList]:
    """Return the unit's lists, groups and suppression lists among them. Raises an SfmcError."""
    return _all(_pages(mid, "List", LIST_PROPERTIES, None, read_list))


def memberships(mid: int, subscriber_key: str) -> list[Membership]:
    """Return somebody's places on the unit's lists. Raises an SfmcError."""
    condition = Filter(property="SubscriberKey", operator="equals", values=(subscriber_key,))
    pages = _pages(mid, "ListSubscriber", LIST_SUBSCRIBER_PROPERTIES, condition, read_membership)
    return _all(pages)


def key_of(mid: int, subscriber: SubscriberContext) -> str:
    """Return the SubscriberKey of somebody who is named otherwise, or an empty text. Raises an
    SfmcError."""
    if subscriber.subscriber_id is not None:
        name, value = "ID", str(subscriber.subscriber_id)
    else:
        name, value = "EmailAddress", subscriber.email_address or ""
    condition = Filter(property=name, operator="equals", values=(value,))
    found = _all(_pages(mid, "Subscriber", SUBSCRIBER_PROPERTIES, condition, read_subscriber_name))
    # Several people may share an address; then it names nobody.
    return found[0].subscriber_key if len(found) == 1 else ""


def _all(pages: Iterator[list[Row]]) -> list[Row]:
    """Return the rows of all pages."""
    return [row for page in pages for row in page]


def _pages(
    mid: int,
    object_type: str,
    properties: tuple[str, ...],
    condition: Filter | None,
    read: Callable[[Any], Row],
) -> Iterator[list[Row]]:
    """Give pages of rows, each read by `read`; a row that it cannot read is left out and counted
    in the log."""
    asked = RetrieveRequest(
        object_type=object_type, properties=properties, filter=condition,
        client_mid=_client_mid(mid),
    )  # fmt: skip
    while True:
        _outside()
        page = client().retrieve(asked)
        found = [_read(row, read) for row in page.rows]
        rows = [row for row in found if row is not None]
        if len(rows) < len(found):
            log.warning(
                "rows not readable", mid=mid, object=object_type, rows=len(found) - len(rows)
            )
        yield rows
        if page.next_id is None:
            return
        asked = replace(asked, continues=page.next_id)


def _read(row: Any, read: Callable[[Any], Row]) -> Row | None:
    """Return a row as a value, or None for one that is none."""
    try:
        return read(row)
    except (AttributeError, TypeError, ValueError):
        return None


def _outside() -> None:
    """Raise RuntimeError inside a transaction."""
    if connection.in_atomic_block:
        raise RuntimeError("no network inside a transaction (design, invariant 8)")


def _client_mid(mid: int) -> int | None:
    """Return the MID for Client/ID: none where the token speaks for that unit already."""
    return None if mid == settings.SFMC_ACCOUNT_ID else mid


@cache
def client() -> Client:
    """Return this process's client; raises MisconfiguredError where credentials are missing."""
    return Client(
        auth=_auth(),
        soap_url=settings.SFMC_SOAP_URL or None,
        timeout=settings.SFMC_TIMEOUT,
        pool_size=settings.SFMC_CONCURRENCY,
    )


def _auth() -> Auth:
    """Return the way to authenticate that the settings describe."""
    if settings.SFMC_CLIENT_ID and settings.SFMC_CLIENT_SECRET and settings.SFMC_AUTH_URL:
        return OAuth(
            auth_url=settings.SFMC_AUTH_URL,
            client_id=settings.SFMC_CLIENT_ID,
            client_secret=settings.SFMC_CLIENT_SECRET,
            account_id=settings.SFMC_ACCOUNT_ID,
            store=CachedTokenStore(_credentials_name()),
            timeout=settings.SFMC_TIMEOUT,
        )
    if settings.SFMC_USERNAME and settings.SFMC_PASSWORD and settings.SFMC_SOAP_URL:
        return UsernameToken(username=settings.SFMC_USERNAME, password=settings.SFMC_PASSWORD)
    raise MisconfiguredError("no Marketing Cloud credentials: see unsub.E001")


def _credentials_name() -> str:
    """Return a name for the credentials in use, so that new ones never meet an old token."""
    parts = (settings.SFMC_AUTH_URL, settings.SFMC_CLIENT_ID, str(settings.SFMC_ACCOUNT_ID))
    secret = settings.SECRET_KEY + settings.SFMC_CLIENT_SECRET
    return keyed_digest(" ".join(parts), secret=secret, purpose="sfmc-token")[:16]
