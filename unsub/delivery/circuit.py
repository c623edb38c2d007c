"""What delivery learns about a business unit's queue: pauses, the circuit breaker, half-open
probes, sending one by one. All of it is in the unit's row, on the database's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from unsub.domain.outcomes import Outcome, Slow, Verdict
from unsub.domain.retry import delay
from unsub.models import BusinessUnit, Status, UnsubRequest
from unsub.units.opening import ensure_own_unit
from unsub.units.queue_state import CIRCUIT_OPEN, HELD, MAINTENANCE, hold_rows, release

log = structlog.get_logger(__name__)


CIRCUIT_OPENS_AT = 5  # messages in a row with no readable answer
CIRCUIT_PAUSE = timedelta(seconds=60)
HOLD_PROBE = timedelta(minutes=2)
SINGLY = timedelta(minutes=10)
# After these a probe goes first. A rate limit is over when its time is.
PROBED = (HELD, CIRCUIT_OPEN, MAINTENANCE)
# Whose probe begins by asking the system; credentials can only be tried out.
ASK_FIRST = frozenset({CIRCUIT_OPEN, MAINTENANCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """How many rows of which status may be taken now. 0 rows: none, and `until` says when next."""

    limit: int
    status: Status = Status.PENDING
    until: datetime | None = None


def take_probe(mid: int) -> str | None:
    """Return why the unit rested, to the one worker that may knock now that its rest is over; None
    to all others, and for a unit in no trouble. The rest goes on meanwhile, for the others."""
    over = BusinessUnit.objects.filter(mid=mid, paused_until__lte=Now(), paused_reason__in=PROBED)
    reason = over.values_list("paused_reason", flat=True).first()
    if reason and over.filter(paused_reason=reason).update(paused_until=Now() + CIRCUIT_PAUSE):
        return reason
    return None


def nothing_to_probe(mid: int) -> None:
    """End the rest of a unit that has nothing to send; one that is held stays so."""
    BusinessUnit.objects.filter(mid=mid, held_since=None).update(
        unknowns_in_a_row=0, paused_until=None, paused_reason=""
    )


def leave(mid: int, *, probing: bool = False) -> Leave:
    """Return what a business unit's queue may send now; holds the queue of an unknown MID.
    `probing` is for whom `take_probe` has chosen."""
    if mid == settings.SFMC_ACCOUNT_ID:
        ensure_own_unit()
    unit = BusinessUnit.objects.annotate(now=Now()).filter(mid=mid).first()
    if unit is None:
        log.error("unknown_unit_requests_held", mid=mid)
        hold_rows(mid)
        return Leave(limit=0)
    if unit.held_since:
        hold_rows(mid)
    if unit.paused_until and unit.paused_until > unit.now and not probing:
        return Leave(limit=0, until=unit.paused_until)
    singly = unit.singly_until and unit.singly_until > unit.now
    return Leave(
        limit=1 if probing or singly else settings.SFMC_BATCH_SIZE,
        status=Status.HELD if unit.held_since else Status.PENDING,
    )


def reopen_or_probe() -> list[int]:
    """Return the MIDs of held queues that may knock again now.

    Wishes are also held for a MID that is no unit of ours; once somebody has made the unit they
    are released here.
    """
    held = UnsubRequest.objects.filter(status=Status.HELD).order_by().values("unit_id").distinct()
    may_knock = Q(held_since=None) | Q(paused_until__lte=Now())
    units = list(BusinessUnit.objects.filter(may_knock, mid__in=held))
    for unit in units:
        if unit.held_since is None:
            log.info("queue_released", mid=unit.mid, requests=release(unit.mid))
    return [unit.mid for unit in units]


def learn(mid: int, verdicts: Sequence[Verdict]) -> None:
    """Draw the consequences of one message, or of a probe, for its unit's queue."""
    with transaction.atomic():
        _learn(mid, verdicts)


def _learn(mid: int, verdicts: Sequence[Verdict]) -> None:
    """Draw them, with the unit's row locked."""
    unit = BusinessUnit.objects.select_for_update().get(mid=mid)
    misconfigured = next((v for v in verdicts if v.outcome is Outcome.MISCONFIGURED), None)
    slow = next((v for v in verdicts if v.slow is not Slow.NO or v.retry_after), None)
    if misconfigured:
        _hold(unit, misconfigured)
        return
    if unit.held_since:
        release(mid)
        log.info("queue_released", mid=mid)
    if slow:
        _pause(mid, slow)
    elif all(_is_unanswered(verdict) for verdict in verdicts):
        _count_unknown(unit)
    elif unit.unknowns_in_a_row or unit.paused_reason:
        _recover(mid)


def _is_unanswered(verdict: Verdict) -> bool:
    """Return whether there was no answer about a request: unknown, or nothing was reached."""
    return verdict.outcome in (Outcome.UNKNOWN, Outcome.TRY_LATER) and not verdict.status_code


def _hold(unit: BusinessUnit, verdict: Verdict) -> None:
    """Stop a unit's queue until a probe passes: our configuration is wrong, no wish is at fault."""
    BusinessUnit.objects.filter(mid=unit.mid).update(
        held_since=unit.held_since or Now(),
        held_reason=verdict.detail[:100],
        paused_until=Now() + HOLD_PROBE,
        paused_reason=HELD,
    )
    held = hold_rows(unit.mid)
    log.error("queue_held", mid=unit.mid, error_code=verdict.error_code, requests=held)


def _pause(mid: int, verdict: Verdict) -> None:
    """Let the whole unit rest: rate limit, maintenance, or a Retry-After."""
    seconds = delay(1, draw=random, slow=verdict.slow, retry_after=verdict.retry_after)
    BusinessUnit.objects.filter(mid=mid).update(
        paused_until=Now() + timedelta(seconds=seconds),
        paused_reason=verdict.slow.value,
        unknowns_in_a_row=0,
    )
    log.warning("queue_paused", mid=mid, reason=verdict.slow.value, seconds=round(seconds))


def _count_unknown(unit: BusinessUnit) -> None:
    """Count a message without a readable answer; at the limit the circuit opens."""
    unknowns = unit.unknowns_in_a_row + 1
    BusinessUnit.objects.filter(mid=unit.mid).update(unknowns_in_a_row=unknowns)
    if unknowns >= CIRCUIT_OPENS_AT:
        BusinessUnit.objects.filter(mid=unit.mid).update(
            paused_until=Now() + CIRCUIT_PAUSE, paused_reason=CIRCUIT_OPEN
        )
        log.error("circuit_opened", mid=unit.mid, unknowns=unknowns)


def _recover(mid: int) -> None:
    """Forget the trouble: a call went through."""
    BusinessUnit.objects.filter(mid=mid).update(
        unknowns_in_a_row=0, paused_until=None, paused_reason=""
    )


def send_singly(mid: int) -> None:
    """Send one request a message for a while: a message of several could not be resolved."""
    BusinessUnit.objects.filter(mid=mid).update(singly_until=Now() + SINGLY)
    log.warning("batching_suspended", mid=mid)
