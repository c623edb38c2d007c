"""What is wrong now, kept as one alarm for each cause and unit; nobody is told twice in an hour."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from unsub.infra.inserts import insert_unless_present
from unsub.models import Alarm, BusinessUnit, Cause, QueueState, Status, UnsubRequest
from unsub.units import queue_state
from unsub.units.queue_state import CIRCUIT_OPEN

LATE = timedelta(hours=1)
RECENT = timedelta(days=1)  # a refusal that nobody looked at for so long is known
AGAIN = timedelta(hours=1)
# These do not go away by waiting: told again only where there are more of them.
_ONCE = (Cause.REFUSED, Cause.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause that is there now."""

    cause: Cause
    mid: int
    number: int
    detail: str = ""


def look() -> list[int]:
    """Return the ids of the alarms that somebody is to be told of now: new ones, those that last,
    and those that are over. However many processes look at once, each is returned to one."""
    findings = list(find())
    told = [pk for finding in findings if (pk := _raise(finding)) is not None]
    return told + _clear(findings)


def find() -> Iterator[Finding]:
    """Give what is wrong now."""
    held, known = queue_state.held_mids(), queue_state.known_mids()
    waiting = {head.mid for head in queue_state.heads()}
    # What waits in a held queue, or for an unknown unit, is told of below.
    pending = Q(status=Status.PENDING, unit_id__in=(waiting & known) - held)
    late = UnsubRequest.objects.filter(pending | Q(status=Status.SENDING))
    yield from _count(Cause.LATE, late.filter(received_at__lt=Now() - LATE))
    refused = UnsubRequest.objects.filter(
        status=Status.REFUSED, finished_at__gt=Now() - RECENT
    )  # fmt: skip
    at_the_horizon = Q(finished_at__gte=F("give_up_at"))
    yield from _count(Cause.REFUSED, refused.exclude(at_the_horizon))
    yield from _count(Cause.GIVEN_UP, refused.filter(at_the_horizon))
    for mid in sorted(waiting - known):
        number = queue_state.number_pending(mid)
        yield Finding(cause=Cause.UNKNOWN_UNIT, mid=mid, number=number)
    yield from _queues()


def _count(cause: Cause, requests: QuerySet[UnsubRequest]) -> Iterator[Finding]:
    """Give a finding for each unit that has any of these requests."""
    for row in requests.order_by().values("unit_id").annotate(number=Count("pk")):
        yield Finding(cause=cause, mid=row["unit_id"], number=row["number"])


def _queues() -> Iterator[Finding]:
    """Give the units whose queues do not send."""
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
    """Return the alarm's id where somebody is to be told of it now."""
    mine = Alarm.objects.filter(cause=finding.cause, mid=finding.mid, cleared_at=None)
    seen = {"number": finding.number, "detail": finding.detail}
    if not mine.update(**seen):
        # Where another process is quicker, the constraint decides.
        insert_unless_present(Alarm(cause=finding.cause, mid=finding.mid, **seen))
    due = Q(told_at=None) | Q(told_at__lt=Now() - AGAIN)
    if finding.cause in _ONCE:
        due &= Q(told_number__lt=finding.number)
    told = mine.filter(due)
    pk = told.values_list("pk", flat=True).first()
    return pk if told.update(told_at=Now(), told_number=finding.number) else None


def _clear(findings: list[Finding]) -> list[int]:
    """Return the ids of the alarms that are over since this look."""
    there = {(finding.cause.value, finding.mid) for finding in findings}
    over = [
        alarm.pk
        for alarm in Alarm.objects.filter(cleared_at=None)
        if (alarm.cause, alarm.mid) not in there
    ]
    return [
        pk for pk in over if Alarm.objects.filter(pk=pk, cleared_at=None).update(cleared_at=Now())
    ]
