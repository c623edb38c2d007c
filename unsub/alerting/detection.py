"""Detection of alarms: one alarm for each cause and unit. Nobody is notified of the same one twice
in an hour."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Q
from django.db.models.functions import Now

from unsub.infra.inserts import insert_unless_present
from unsub.models import (
    Alarm,
    BusinessUnit,
    Cause,
    LinkEmail,
    QueueState,
    Status,
    SubscriberRequest,
)
from unsub.units import queue_state
from unsub.units.queue_state import CIRCUIT_OPEN

LATE = timedelta(hours=1)
RECENT = timedelta(days=1)  # refusals older than this are known
AGAIN = timedelta(hours=1)
# These need a person and do not pass by waiting: notified again only when their number grows.
_ONCE = (Cause.REFUSED, Cause.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause that applies now."""

    cause: Cause
    mid: int
    number: int
    detail: str = ""


def evaluate() -> list[int]:
    """Update the alarms, and return the ids of those to notify people of: new ones, continuing
    ones, and those that are over.

    Safe to run in several processes at once: each id is returned to one of them.
    """
    findings = list(find())
    to_notify = [pk for finding in findings if (pk := _raise(finding)) is not None]
    return to_notify + _clear(findings)


def find() -> Iterator[Finding]:
    """Yield what is wrong now."""
    held, known = queue_state.held_mids(), queue_state.known_mids()
    waiting = {head.mid for head in queue_state.heads()}
    # Held queues and unknown units have findings of their own, below.
    pending = Q(status=Status.PENDING, unit_id__in=(waiting & known) - held)
    unsent = pending | Q(status=Status.SENDING)
    yield from _count(Cause.LATE, unsent & Q(received_at__lt=Now() - LATE))
    refused = Q(status=Status.REFUSED, finished_at__gt=Now() - RECENT)
    at_the_horizon = Q(finished_at__gte=F("give_up_at"))
    yield from _count(Cause.REFUSED, refused & ~at_the_horizon)
    yield from _count(Cause.GIVEN_UP, refused & at_the_horizon)
    for mid in sorted(waiting - known):
        number = queue_state.number_pending(mid)
        yield Finding(cause=Cause.UNKNOWN_UNIT, mid=mid, number=number)
    yield from _queues()


def _count(cause: Cause, which: Q) -> Iterator[Finding]:
    """Yield a finding for each unit that has any such requests or emails with links."""
    numbers: Counter[int] = Counter()
    for rows in (SubscriberRequest.objects.filter(which), LinkEmail.objects.filter(which)):
        for row in rows.order_by().values("unit_id").annotate(number=Count("pk")):
            numbers[row["unit_id"]] += row["number"]
    for mid, number in sorted(numbers.items()):
        yield Finding(cause=cause, mid=mid, number=number)


def _queues() -> Iterator[Finding]:
    """Yield the units whose queues do not send."""
    stopped = Q(held_since__isnull=False) | Q(paused_reason=CIRCUIT_OPEN)
    for queue in QueueState.objects.filter(stopped, unit__in=BusinessUnit.objects.all()).order_by(
        "unit_id"
    ):
        yield Finding(
            cause=Cause.HELD if queue.is_held else Cause.CIRCUIT_OPEN,
            mid=queue.unit_id,
            number=queue_state.number_pending(queue.unit_id),
            detail=queue.held_reason,
        )


def _raise(finding: Finding) -> int | None:
    """Insert or update the alarm. Return its id if a notification is due."""
    mine = Alarm.objects.filter(cause=finding.cause, mid=finding.mid, cleared_at=None)
    seen = {"number": finding.number, "detail": finding.detail}
    if not mine.update(**seen):
        # Where another process is faster, the unique constraint decides.
        insert_unless_present(Alarm(cause=finding.cause, mid=finding.mid, **seen))
    due = Q(notified_at=None) | Q(notified_at__lt=Now() - AGAIN)
    if finding.cause in _ONCE:
        due &= Q(notified_number__lt=finding.number)
    to_notify = mine.filter(due)
    pk = to_notify.values_list("pk", flat=True).first()
    return pk if to_notify.update(notified_at=Now(), notified_number=finding.number) else None


def _clear(findings: list[Finding]) -> list[int]:
    """Close the alarms that are over. Return the ids of those that this call closed."""
    there = {(finding.cause.value, finding.mid) for finding in findings}
    over = [
        alarm.pk
        for alarm in Alarm.objects.filter(cleared_at=None)
        if (alarm.cause, alarm.mid) not in there
    ]
    return [
        pk for pk in over if Alarm.objects.filter(pk=pk, cleared_at=None).update(cleared_at=Now())
    ]
