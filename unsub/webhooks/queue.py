"""The queue of each endpoint: claim, settle, and the circuit of an endpoint that fails.

A claim and a settlement are each a short transaction; none is open during a call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from unsub.infra import metrics
from unsub.models import (
    DeliveryState,
    DisabledReason,
    EndpointState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookResult,
)

from .call import Answer

log = structlog.get_logger(__name__)

# The waits after a failed attempt that the Standard Webhooks specification recommends. After the
# last of them the delivery is given up: a little more than three days after the event.
SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
JITTER = 0.2  # of a wait, added to it at random
DISABLED_AFTER = timedelta(days=5)
# The circuit opens after so many failures in a row. One delivery is then tried at a time.
OPENS_AFTER = 3
FIRST_OPEN, LONGEST_OPEN = timedelta(seconds=5), timedelta(minutes=5)
LONGEST_RETRY_AFTER = timedelta(hours=1)
# Claims of one endpoint that may be under way at a time, in all workers together.
CLAIMS_AT_ONCE = 2
BATCH = 20
# A claim sends for so long, then settles what is left as not tried.
SEND_SECONDS = 10.0
# For settling.
LEASE_MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Deliveries of one endpoint under a lease, oldest first, with their events."""

    endpoint: WebhookEndpoint
    lease: UUID
    deliveries: Sequence[WebhookDelivery]
    now: datetime


def due_endpoints() -> list[int]:
    """Return the ids of the endpoints that have something to send now: those that fail last, so
    that they do not take the threads of the others. One query."""
    due = _due(WebhookDelivery.objects.filter(endpoint=OuterRef("pk")))
    endpoints = _sending().filter(Exists(due)).order_by("failures", "pk")
    return list(endpoints.values_list("pk", flat=True))


def seconds_to_next() -> float | None:
    """Return the seconds until the next delivery is due that waits for its time or for an open
    circuit; None where there is none before the next sweep."""
    active = WebhookEndpoint.objects.filter(state=EndpointState.ACTIVE).annotate(now=Now())
    waits: list[float] = []
    for endpoint in active:
        pending = endpoint.deliveries.filter(state=DeliveryState.PENDING)
        first = pending.aggregate(first=Min("next_attempt_at"))["first"]
        if first is not None:
            at = max(first, endpoint.open_until or first)
            waits.append((at - endpoint.now).total_seconds())
    soonest = min((one for one in waits if one > 0), default=None)
    return soonest if soonest is not None and soonest < settings.SWEEP_SECONDS else None


def _sending() -> QuerySet[WebhookEndpoint]:
    """Return the endpoints to which something may be sent now."""
    is_closed = Q(open_until=None) | Q(open_until__lte=Now())
    return WebhookEndpoint.objects.filter(is_closed, state=EndpointState.ACTIVE)


def _due(rows: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    return rows.filter(state=DeliveryState.PENDING, next_attempt_at__lte=Now())


def claim(endpoint_id: int) -> Claimed | None:
    """Lease the deliveries of an endpoint that are due, at most BATCH; one where the circuit is
    half-open. None where nothing is due, or enough claims are under way. Locks the endpoint."""
    with transaction.atomic():
        endpoint = (
            _sending()
            .annotate(now=Now())
            .select_for_update(of=("self",), no_key=True)
            .filter(pk=endpoint_id)
            .first()
        )
        if endpoint is None:
            return None
        is_tried = endpoint.failures >= OPENS_AFTER
        under_way = endpoint.deliveries.filter(state=DeliveryState.SENDING, lease_until__gt=Now())
        leases = under_way.order_by().values("lease").distinct().count()
        if leases >= (1 if is_tried else CLAIMS_AT_ONCE):
            return None
        due = _due(endpoint.deliveries.all()).order_by("next_attempt_at", "pk")
        ids = list(due.values_list("pk", flat=True)[: 1 if is_tried else BATCH])
        if not ids:
            return None
        lease, lasts = uuid4(), timedelta(seconds=SEND_SECONDS + settings.WEBHOOK_TIMEOUT)
        rows = WebhookDelivery.objects.filter(pk__in=ids)
        rows.update(
            state=DeliveryState.SENDING, lease=lease, lease_until=Now() + lasts + LEASE_MARGIN
        )
    loaded = rows.select_related("event", "event__request", "event__request__reason")
    return Claimed(
        endpoint=endpoint,
        lease=lease,
        deliveries=list(loaded.order_by("next_attempt_at", "pk")),
        now=endpoint.now,
    )


def release(claimed: Claimed) -> None:
    """Make what is left of a claim pending again."""
    _of(claimed).update(state=DeliveryState.PENDING, lease=None, lease_until=None)


def settle(
    claimed: Claimed, delivery: WebhookDelivery, answer: Answer, started_at: datetime
) -> bool:
    """Write the attempt, the next state of the delivery, and the endpoint's circuit. Return whether
    the claim may go on. Where the lease was lost, nothing is written."""
    with transaction.atomic():
        mine = _of(claimed).filter(pk=delivery.pk)
        number = delivery.attempts + 1
        if not mine.update(**_changes(delivery, answer)):
            log.warning("webhook_lease_lost", endpoint_id=claimed.endpoint.pk)
            return False
        WebhookAttempt.objects.create(
            delivery=delivery, number=number, started_at=started_at, result=answer.result,
            status_code=answer.status_code,
        )  # fmt: skip
        goes_on = _record(claimed.endpoint, answer)
    metrics.WEBHOOKS.labels(result=answer.result.value).inc()
    if answer.result is not WebhookResult.DELIVERED:
        log.warning(
            "webhook_not_delivered", endpoint_id=claimed.endpoint.pk, attempt=number,
            event_id=str(delivery.event_id), result=answer.result.value, status=answer.status_code,
        )  # fmt: skip
    _forget_delivered(delivery.event)
    return goes_on


def _of(claimed: Claimed) -> QuerySet[WebhookDelivery]:
    """Return the deliveries for which this worker still holds the lease."""
    return WebhookDelivery.objects.filter(
        endpoint=claimed.endpoint, lease=claimed.lease, state=DeliveryState.SENDING
    )


def _changes(delivery: WebhookDelivery, answer: Answer) -> dict[str, object]:
    """Return the columns of a delivery after an attempt."""
    changes: dict[str, object] = {
        "lease": None,
        "lease_until": None,
        "attempts": F("attempts") + 1,
        "tries": F("tries") + 1,
        "result": answer.result,
        "status_code": answer.status_code,
    }
    if answer.result is WebhookResult.DELIVERED:
        return changes | {"state": DeliveryState.DELIVERED, "finished_at": Now()}
    wait = wait_after(delivery.tries + 1, answer.retry_after, draw=random)
    if wait is None or answer.status_code == 410:
        return changes | {"state": DeliveryState.FAILED, "finished_at": Now()}
    return changes | {"state": DeliveryState.PENDING, "next_attempt_at": Now() + wait}


def wait_after(
    tries: int, retry_after: float | None = None, *, draw: Callable[[], float]
) -> timedelta | None:
    """Return how long a delivery waits after so many failed attempts; None where it is given up.
    `draw()` returns the jitter in [0, 1)."""
    if tries > len(SCHEDULE):
        return None
    wait = SCHEDULE[tries - 1] * (1 + JITTER * draw())
    return max(wait, _bounded(retry_after))


def _bounded(retry_after: float | None) -> timedelta:
    """Return what a receiver asks to wait, within bounds."""
    return min(timedelta(seconds=retry_after or 0.0), LONGEST_RETRY_AFTER)


def _record(endpoint: WebhookEndpoint, answer: Answer) -> bool:
    """Write a result into the endpoint's circuit. Return whether more may be sent now. Locks the
    endpoint where it changes."""
    mine = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    if answer.result is WebhookResult.DELIVERED:
        if endpoint.failing_since is not None:
            mine.update(failures=0, failing_since=None, open_until=None)
            endpoint.failures, endpoint.failing_since = 0, None
        return True
    mine.update(failures=F("failures") + 1, failing_since=Coalesce("failing_since", Now()))
    endpoint.refresh_from_db(fields=["failures", "failing_since"])
    if answer.status_code == 410:
        _disable(endpoint, DisabledReason.GONE)
        return False
    if mine.filter(failing_since__lt=Now() - DISABLED_AFTER).exists():
        _disable(endpoint, DisabledReason.FAILING)
        return False
    wait = open_for(endpoint.failures, answer, draw=random)
    if wait:
        mine.update(open_until=Now() + wait)
    return not wait and answer.status_code is not None


def open_for(failures: int, answer: Answer, *, draw: Callable[[], float]) -> timedelta:
    """Return for how long nothing is sent to an endpoint after so many failures in a row. `draw()`
    returns the jitter in [0, 1)."""
    asked = _bounded(answer.retry_after) if answer.status_code in {429, 503} else timedelta()
    if failures < OPENS_AFTER:
        return asked
    doubled: int = 2 ** min(failures - OPENS_AFTER, 10)
    wait = min(FIRST_OPEN * doubled, LONGEST_OPEN)
    return max(asked, wait * (1 + JITTER * draw()))


def _disable(endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    """Disable an endpoint, unless a user has just done so. Its deliveries stay as they are."""
    active = WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(state=EndpointState.DISABLED)
    if active.update(state=EndpointState.DISABLED, disabled_reason=reason, disabled_at=Now()):
        log.error("webhook_endpoint_disabled", endpoint_id=endpoint.pk, reason=reason.value)


def _forget_delivered(event: WebhookEvent) -> None:
    """Remove the identifiers of an erased subscriber once every endpoint has received them."""
    if not event.sealed_subscribers:
        return
    others = WebhookDelivery.objects.filter(event=event).exclude(state=DeliveryState.DELIVERED)
    if not others.exists():
        WebhookEvent.objects.filter(pk=event.pk).update(sealed_subscribers="")


def free_leases() -> None:
    """Make the deliveries pending again whose worker died: whether they were received is unknown.
    Locks them."""
    with transaction.atomic():
        expired = WebhookDelivery.objects.filter(state=DeliveryState.SENDING, lease_until__lt=Now())
        rows = list(expired.select_for_update(skip_locked=True, of=("self",), no_key=True)[:500])
        WebhookAttempt.objects.bulk_create(
            WebhookAttempt(
                delivery=row, number=row.attempts + 1, started_at=Now(),
                result=WebhookResult.UNKNOWN,
            )
            for row in rows
        )  # fmt: skip
        WebhookDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=DeliveryState.PENDING, lease=None, lease_until=None, next_attempt_at=Now(),
            attempts=F("attempts") + 1, result=WebhookResult.UNKNOWN, status_code=None,
        )  # fmt: skip
    for row in rows:
        log.warning("webhook_lease_expired", endpoint_id=row.endpoint_id)


def send_again(ids: Sequence[int]) -> int:
    """Make delivered and failed deliveries due now, with a new schedule. Return how many. The
    receiver gets the same webhook-id again."""
    ended = WebhookDelivery.objects.filter(
        pk__in=ids, state__in=(DeliveryState.DELIVERED, DeliveryState.FAILED)
    )
    return ended.update(
        state=DeliveryState.PENDING, tries=0, next_attempt_at=Now(), finished_at=None
    )
