"""The effect of results on a business unit's queue: hold, pause, circuit breaker, half-open probes,
sending rows one by one. All of it is stored in the unit's QueueState, by the database's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from unsub.domain.outcomes import Backpressure, Outcome, Verdict
from unsub.domain.retry import delay
from unsub.models import BusinessUnit, QueueState
from unsub.models.queue_state import queue_of
from unsub.units import queue_state
from unsub.units.opening import ensure_own_unit
from unsub.units.queue_state import CIRCUIT_OPEN, HELD, MAINTENANCE

log = structlog.get_logger(__name__)


CIRCUIT_OPENS_AT = 5  # consecutive messages without a readable answer
CIRCUIT_PAUSE = timedelta(seconds=60)
SINGLY = timedelta(minutes=10)
# After these pauses a probe is sent first. A rate limit simply ends with its time.
PROBED = (HELD, CIRCUIT_OPEN, MAINTENANCE)
# Their probe begins with GetSystemStatus. A hold needs a real call: only that tests credentials.
STATUS_FIRST = frozenset({CIRCUIT_OPEN, MAINTENANCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPermit:
    """How many due rows may be claimed now. With 0, none; `until` is when the pause ends, if there
    is one."""

    limit: int
    until: datetime | None = None


def acquire_probe(mid: int) -> str | None:
    """Atomically acquire the half-open probe of a unit's queue. Return the pause reason to the
    worker that got it, None to the others, and for a queue that needs no probe. Extends
    `paused_until` by 60 s for the other workers."""
    over = QueueState.objects.filter(pk=mid, paused_until__lte=Now(), paused_reason__in=PROBED)
    reason = over.values_list("paused_reason", flat=True).first()
    if reason and over.filter(paused_reason=reason).update(paused_until=Now() + CIRCUIT_PAUSE):
        return reason
    return None


def close_circuit_when_idle(mid: int) -> None:
    """Close the circuit and end the pause of a unit that has nothing to send; a held queue stays
    held."""
    QueueState.objects.filter(pk=mid, held_since=None).update(
        unknowns_in_a_row=0, paused_until=None, paused_reason=""
    )


def permit(mid: int, *, probing: bool = False) -> SendPermit:
    """Return how many rows a business unit's queue may send now: none for an unknown MID or a held
    or paused queue, one for the worker that acquired the probe (`probing`). Creates the unit of
    SFMC_ACCOUNT_ID if it is missing."""
    if mid == settings.SFMC_ACCOUNT_ID:
        ensure_own_unit()
    units = BusinessUnit.objects.select_related("queue_state").annotate(now=Now())
    unit = units.filter(mid=mid).first()
    if unit is None:
        log.error("unknown_unit_requests_held", mid=mid)
        return SendPermit(limit=0)
    queue = queue_of(unit)
    if probing:
        return SendPermit(limit=1)
    if queue.is_held or queue.is_paused(unit.now):
        return SendPermit(limit=0, until=queue.paused_until)
    singly = queue.singly_until and queue.singly_until > unit.now
    return SendPermit(limit=1 if singly else settings.SFMC_BATCH_SIZE)


def record_results(mid: int, verdicts: Sequence[Verdict]) -> None:
    """Apply the verdicts of one message, or of a probe, to the state of the unit's queue. Locks the
    unit's QueueState until the end of the transaction, where there is something to change."""
    with transaction.atomic():
        _record_results(mid, verdicts)


def _record_results(mid: int, verdicts: Sequence[Verdict]) -> None:
    misconfigured = next((v for v in verdicts if v.outcome is Outcome.MISCONFIGURED), None)
    limiting = next(
        (v for v in verdicts if v.backpressure is not Backpressure.NONE or v.retry_after), None
    )
    if misconfigured:
        _hold_queue(mid, misconfigured)
        return
    unanswered = all(_is_unanswered(verdict) for verdict in verdicts)
    if not (limiting or unanswered or _is_in_trouble(mid)):
        # The usual case takes no lock: workers that send for one unit at once do not wait here.
        return
    queue = queue_state.lock(mid)
    if queue.is_held:
        queue_state.release(mid)
        log.info("queue_released", mid=mid)
    if limiting:
        _pause_queue(mid, limiting)
    elif unanswered:
        _count_unknown(queue)
    else:
        close_circuit_when_idle(mid)


def _is_in_trouble(mid: int) -> bool:
    """Return whether an answered message would change the state of the unit's queue."""
    queue = QueueState.objects.filter(pk=mid).first()
    return queue is not None and bool(
        queue.is_held or queue.unknowns_in_a_row or queue.paused_reason
    )


def _is_unanswered(verdict: Verdict) -> bool:
    """Return whether a request got no answer: outcome unknown, or Marketing Cloud not reached."""
    return verdict.outcome in (Outcome.UNKNOWN, Outcome.TRY_LATER) and not verdict.status_code


def _hold_queue(mid: int, verdict: Verdict) -> None:
    """Hold a unit's queue: the configuration is wrong, not a request."""
    queue_state.hold(mid, verdict.detail)
    log.error("queue_held", mid=mid, error_code=verdict.error_code)


def _pause_queue(mid: int, verdict: Verdict) -> None:
    """Pause the whole queue: rate limit, maintenance, or a Retry-After."""
    seconds = delay(
        1, draw=random, backpressure=verdict.backpressure, retry_after=verdict.retry_after
    )
    QueueState.objects.filter(pk=mid).update(
        paused_until=Now() + timedelta(seconds=seconds),
        paused_reason=verdict.backpressure.value,
        unknowns_in_a_row=0,
    )
    log.warning("queue_paused", mid=mid, reason=verdict.backpressure.value, seconds=round(seconds))


def _count_unknown(queue: QueueState) -> None:
    """Count a message without a readable answer; at the limit the circuit opens."""
    mine, unknowns = QueueState.objects.filter(pk=queue.pk), queue.unknowns_in_a_row + 1
    mine.update(unknowns_in_a_row=unknowns)
    if unknowns >= CIRCUIT_OPENS_AT:
        mine.update(paused_until=Now() + CIRCUIT_PAUSE, paused_reason=CIRCUIT_OPEN)
        log.error("circuit_opened", mid=queue.pk, unknowns=unknowns)


def send_singly(mid: int) -> None:
    """Send one row per message for ten minutes, after a message of several rows could not be
    resolved. Locks the unit's QueueState."""
    with transaction.atomic():
        queue_state.lock(mid)
        QueueState.objects.filter(pk=mid).update(singly_until=Now() + SINGLY)
    log.warning("batching_suspended", mid=mid)
