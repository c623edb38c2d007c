"""Records events, in the transaction of the change that they tell of.

Where no endpoint wants an event, nothing is written and nothing is read: which endpoints there are
is kept by the process for a few seconds.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.domain.context import SubscriberContext
from unsub.infra import sealing
from unsub.infra.kept import Kept
from unsub.models import (
    EndpointState,
    Erasure,
    EventType,
    Kind,
    Status,
    SubscriberRequest,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

from . import wakeup

# A change of an endpoint shows in all processes after this time; in its own at once.
KEPT_SECONDS = 5.0
# Rows in one statement.
AT_ONCE = 500
SUBSCRIBERS = "webhook subscribers"  # what their seal is for


class _Wanting(NamedTuple):
    """An endpoint, as far as recording needs it."""

    pk: int
    mid: int | None
    types: frozenset[str]


_kept: Kept[None, tuple[_Wanting, ...]] = Kept(seconds=KEPT_SECONDS)


def _endpoints() -> tuple[_Wanting, ...]:
    """Return the endpoints that are not disabled."""
    return _kept(None, _read_endpoints)


def _read_endpoints() -> tuple[_Wanting, ...]:
    rows = WebhookEndpoint.objects.exclude(state=EndpointState.DISABLED).order_by()
    found = rows.values_list("pk", "unit_id", "types")
    return tuple(_Wanting(pk, mid, frozenset(types)) for pk, mid, types in found)


def is_wanted(mid: int | None, *types: EventType) -> bool:
    """Return whether any endpoint receives events of one of these types of a business unit; of any
    unit where `mid` is None. At most one query in KEPT_SECONDS. Raises DatabaseError."""
    return any(
        not one.types.isdisjoint(types) and (mid is None or one.mid in {None, mid})
        for one in _endpoints()
    )


def accepted(mid: int, ids: Iterable[int]) -> None:
    """Record that these requests of a unit are pending now. In the caller's transaction."""
    if is_wanted(mid, EventType.ACCEPTED):
        _write(
            WebhookEvent(
                type=EventType.ACCEPTED, unit_id=mid, request_id=pk, status=Status.PENDING.value
            )
            for pk in ids
        )


def accepted_of(ids: Iterable[int]) -> None:
    """Record which of these requests, of any units, are pending now. In the caller's
    transaction."""
    if is_wanted(None, EventType.ACCEPTED):
        _write(_events_of(SubscriberRequest.objects.filter(pk__in=[*ids], status=Status.PENDING)))


def ended(ids: Collection[int], mid: int | None = None) -> None:
    """Record which of these requests, of one unit or of any, are done, refused, withdrawn or
    superseded now. In the caller's transaction, after the change."""
    if ids and is_wanted(mid, *_ENDS):
        _write(_events_of(SubscriberRequest.objects.filter(pk__in=ids, status__in=_ENDED)))


def pending_among(requests: QuerySet[SubscriberRequest]) -> list[int]:
    """Return the ids of the pending ones among these requests, where `ended` is to be told of
    them; else none. The others wait for a confirmation, and were not accepted yet."""
    if not is_wanted(None, EventType.WITHDRAWN):
        return []
    return list(requests.filter(status=Status.PENDING).values_list("pk", flat=True))


def imported(requests: Iterable[SubscriberRequest]) -> None:
    """Record what was imported as done: those of these requests that were inserted. In the caller's
    transaction."""
    by_unit: dict[int, list[str]] = {}
    for one in requests:
        by_unit.setdefault(one.unit_id, []).append(one.idempotency_key or "")
    for mid, keys in by_unit.items():
        if is_wanted(mid, EventType.CONFIRMED):
            rows = SubscriberRequest.objects.filter(idempotency_key__in=keys, webhook_events=None)
            _write(_events_of(rows))


def erased(erasure: Erasure, subscribers: Iterable[SubscriberContext]) -> None:
    """Record that an erasure was granted, with the subscriber's identifiers, sealed: a receiver has
    to erase the subscriber, too. In the caller's transaction."""
    if not is_wanted(erasure.unit_id, EventType.ERASED):
        return
    named = [
        {
            "subscriber_id": who.subscriber_id,
            "subscriber_key": who.subscriber_key,
            "email_address": who.email_address,
        }
        for who in sorted(subscribers, key=repr)
    ]
    sealed = sealing.seal(SUBSCRIBERS, json.dumps(named).encode()).decode()
    _write([
        WebhookEvent(
            type=EventType.ERASED, unit_id=erasure.unit_id, erasure_id=erasure.pk,
            sealed_subscribers=sealed,
        )
    ])  # fmt: skip


def test(endpoint: WebhookEndpoint) -> None:
    """Record a test event, for this endpoint alone."""
    with transaction.atomic():
        event = WebhookEvent.objects.create(
            type=EventType.TEST, unit_id=endpoint.unit_id, occurred_at=Now()
        )
        WebhookDelivery.objects.create(endpoint=endpoint, event=event)
        wakeup.wake_on_commit()


_ENDS = (EventType.CONFIRMED, EventType.CHANGED, EventType.REFUSED, EventType.WITHDRAWN)
_TYPES: Mapping[str, EventType] = {
    Status.PENDING: EventType.ACCEPTED,
    Status.REFUSED: EventType.REFUSED,
    Status.WITHDRAWN: EventType.WITHDRAWN,
    Status.SUPERSEDED: EventType.WITHDRAWN,
}
_ENDED = (Status.DONE, Status.REFUSED, Status.WITHDRAWN, Status.SUPERSEDED)


def type_of(kind: str, status: str) -> EventType:
    """Return what it means that a request of a kind has this status now."""
    if status == Status.DONE:
        return EventType.CONFIRMED if kind == Kind.UNSUBSCRIBE else EventType.CHANGED
    return _TYPES[status]


def _events_of(rows: Any) -> Iterator[WebhookEvent]:
    """Yield the event of each row, as it is now. One query."""
    columns = ("pk", "unit_id", "kind", "status", "outcome", "error_code")
    for pk, mid, kind, status, outcome, code in rows.order_by("pk").values_list(*columns):
        is_result = status in {Status.DONE, Status.REFUSED}
        yield WebhookEvent(
            type=type_of(kind, status), unit_id=mid, request_id=pk, status=status,
            outcome=outcome if is_result else "", error_code=code if is_result else None,
        )  # fmt: skip


def _write(events: Iterable[WebhookEvent]) -> None:
    """Insert the events that an endpoint wants, and a delivery for each such endpoint. Two
    statements for each AT_ONCE of them."""
    endpoints = _endpoints()
    wanted: list[WebhookEvent] = []
    deliveries: list[WebhookDelivery] = []
    for event in events:
        event.occurred_at = Now()
        theirs = [
            one.pk
            for one in endpoints
            if event.type in one.types and one.mid in {None, event.unit_id}
        ]
        if theirs:
            wanted.append(event)
        deliveries += [WebhookDelivery(endpoint_id=pk, event_id=event.pk) for pk in theirs]
    if not wanted:
        return
    WebhookEvent.objects.bulk_create(wanted, batch_size=AT_ONCE)
    WebhookDelivery.objects.bulk_create(deliveries, batch_size=AT_ONCE)
    wakeup.wake_on_commit()
