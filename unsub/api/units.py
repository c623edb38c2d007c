"""Business units and the state of their queues."""

from collections import defaultdict
from collections.abc import Sequence

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router

from unsub.domain.context import MID_MAX
from unsub.models import Alarm as AlarmRow
from unsub.models import BusinessUnit, KeyPurpose, MessageTypeState, SubscriberRequest
from unsub.models.queue_state import QueueState, queue_of

from .answers import Alarm, HeldMessages, Unit, Units
from .document import READ, problems
from .keys import ApiKeyAuth, key_of, mids_for
from .problems import ApiProblem

router = Router(tags=[READ], auth=ApiKeyAuth(KeyPurpose.READ))


@router.get(
    "/units",
    response={200: Units, **problems()},
    operation_id="getUnits",
    summary="Get business units",
)
def units(request: HttpRequest) -> Units:
    """Return the business units that the key may read, with the state of their queues."""
    return Units(items=_units(mids_for(key_of(request), None)))


@router.get(
    "/units/{unit}",
    response={200: Unit, **problems(404, 422)},
    operation_id="getUnit",
    summary="Get a business unit",
)
def unit(request: HttpRequest, unit: int = Path(ge=1, le=MID_MAX)) -> Unit:  # type: ignore[type-arg]
    """Return a business unit with the state of its queue."""
    found = _units(mids_for(key_of(request), unit))
    if not found:
        raise ApiProblem(404)
    return found[0]


def _units(mids: Sequence[int] | None) -> list[Unit]:
    rows = BusinessUnit.objects.select_related("queue_state").order_by("mid")
    found = list(rows if mids is None else rows.filter(mid__in=mids))
    wanted = [row.mid for row in found]
    open_counts = _open_counts()
    held, alarms = _held_messages(wanted), _alarms(wanted)
    return [_unit(row, open_counts[row.mid], held[row.mid], alarms[row.mid]) for row in found]


def _unit(
    row: BusinessUnit, counts: dict[str, int], held: list[HeldMessages], alarms: list[Alarm]
) -> Unit:
    queue = queue_of(row)
    return Unit(
        unit=row.mid,
        name=row.name,
        time_zone=row.time_zone,
        queue=_state(queue),
        held_since=queue.held_since,
        held_reason=queue.held_reason,
        paused_until=queue.paused_until,
        held_messages=held,
        requests=counts,
        alarms=alarms,
    )


def _state(queue: QueueState) -> str:
    if queue.is_held:
        return "held"
    return "paused" if queue.is_paused(timezone.now()) else "open"


def _open_counts() -> defaultdict[int, dict[str, int]]:
    """Return how many requests are open, by MID and status."""
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for mid, status, number in SubscriberRequest.objects.open_counts():
        found[mid][status] = number
    return found


def _held_messages(mids: Sequence[int]) -> defaultdict[int, list[HeldMessages]]:
    found: defaultdict[int, list[HeldMessages]] = defaultdict(list)
    rows = MessageTypeState.objects.filter(unit_id__in=mids, held_since__isnull=False)
    for row in rows.order_by("unit_id", "message_type"):
        if row.held_since:
            held = HeldMessages(
                message=row.message_type, since=row.held_since, reason=row.held_reason
            )
            found[row.unit_id].append(held)
    return found


def _alarms(mids: Sequence[int]) -> defaultdict[int, list[Alarm]]:
    found: defaultdict[int, list[Alarm]] = defaultdict(list)
    for row in AlarmRow.objects.filter(cleared_at=None, mid__in=mids).order_by("pk"):
        alarm = Alarm(
            cause=row.cause, job_id=row.job_id or None, number=row.number, since=row.raised_at
        )
        found[row.mid].append(alarm)
    return found
