"""Which rows a worker takes next: due, of one unit and one kind of message, under a lease."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from unsub.models import BusinessUnit, DeliveryAttempt, Family, Kind, Status, UnsubRequest
from unsub.outbox import precedence

from . import circuit
from .batch import Batch


def claim(mid: int, *, probing: bool = False) -> Batch | None:
    """Return due rows of a unit, leased to this worker and committed, or None. `probing` takes
    one row although the unit rests."""
    lease = uuid4()
    with transaction.atomic(durable=True):
        leave = circuit.leave(mid, probing=probing)
        if not leave.limit:
            return None
        taken = _take(mid, leave, lease)
        if not taken:
            return None
        # By the state, too: of the leases themselves there is no index.
        mine = UnsubRequest.objects.filter(lease=lease, status=Status.SENDING)
        rows = tuple(mine.order_by("pk"))
        _write_attempts(rows, lease)
        unit = BusinessUnit.objects.get(mid=mid)
    return Batch(
        mid=mid,
        lease=lease,
        all_subscribers_list_id=unit.all_subscribers_list_id,
        rows=rows,
        family=rows[0].spec.message,
        full=(taken == leave.limit and leave.limit > 1) or settings.SFMC_BATCH_SIZE == 1,
    )


def _take(mid: int, leave: circuit.Leave, lease: UUID) -> int:
    """Return how many due rows of one family were put under the lease."""
    due = UnsubRequest.objects.filter(
        unit_id=mid, status=Status.PENDING, next_attempt_at__lte=Now()
    )
    for family in Family:
        some = due.filter(kind__in=family.kinds)
        if family is not Family.UNSUBSCRIBES:
            # Said once more for PostgreSQL, whose index of these leaves the unsubscribes out.
            some = some.exclude(kind=Kind.UNSUBSCRIBE)
        if ids := _wanted(some, leave.limit):
            return UnsubRequest.objects.filter(pk__in=ids, status=Status.PENDING).update(
                status=Status.SENDING,
                lease=lease,
                lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS),
                attempts=F("attempts") + 1,
            )
    return 0


def _wanted(due: QuerySet[UnsubRequest], limit: int) -> list[int]:
    """Return the ids of due rows that are to go now, locked. PostgreSQL skips rows that others
    hold; SQLite has one writer at a time, so the condition on the status is enough there."""
    seen: set[int] = set()
    while True:
        found = list(
            precedence.take(precedence.ready(due.exclude(pk__in=seen)))
            .order_by("next_attempt_at", "pk")
            .values_list("pk", flat=True)[:limit]
        )
        if not found or (ids := precedence.still_wanted(found)):
            return ids if found else []
        # All of these were void, or wait for another worker: look behind them.
        seen.update(found)


def _write_attempts(rows: tuple[UnsubRequest, ...], lease: UUID) -> None:
    """Write down that we are about to call, before we call."""
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(request=row, number=row.attempts, lease=lease, batch_size=len(rows))
        for row in rows
    )
