"""The effect of results on a business unit's queue: hold, pause, circuit breaker, half-open probes,
sending rows one by one. All of it is stored in the unit's QueueState, by the database's clock.

What concerns changes or emails alone is stored in their MessageTypeState and stops no unsubscribe:
a missing right, refusals of every message alike, calls without a reply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import random
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import (
    CharField,
    Exists,
    FilteredRelation,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Now

from unsub.domain.outcomes import Backpressure, Outcome, Verdict
from unsub.domain.retry import delay
from unsub.infra import metrics
from unsub.infra.queries import Given, PreparedSelect
from unsub.models import (
    BusinessUnit,
    MessageType,
    MessageTypeState,
    QueueState,
    Topic,
)
from unsub.units import queue_state
from unsub.units.opening import ensure_own_unit
from unsub.units.queue_state import CIRCUIT_OPEN, HELD, MAINTENANCE

from .batch import Batch, Row

log = structlog.get_logger(__name__)


CIRCUIT_OPENS_AT = 5  # consecutive messages without a readable answer
CIRCUIT_PAUSE = timedelta(seconds=60)
SINGLY = timedelta(minutes=10)
# So many people in a row, refused alike for no reason of their own, hold the queue.
ALIKE = 3
_REFUSED_KEPT = 20
# After these pauses a probe is sent first. A rate limit simply ends with its time.
PROBED = (HELD, CIRCUIT_OPEN, MAINTENANCE)
# Their probe begins with GetSystemStatus. A hold needs a real call: only that tests credentials.
STATUS_FIRST = frozenset({CIRCUIT_OPEN, MAINTENANCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPermit:
    """How many due rows may be claimed now. With 0, none; `probe_is_due` says whether a worker may
    acquire the probe of the queue then. Which list of the unit is All Subscribers, as far as that
    is known. `has_topics`: there may be requests about topics. `stopped` are the message types that
    send nothing but probes, each with whether its probe is due."""

    limit: int
    probe_is_due: bool = False
    all_subscribers_list_id: int | None = None
    has_topics: bool = False
    stopped: Mapping[MessageType, bool] = field(default_factory=dict)


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
    SFMC_ACCOUNT_ID if it is missing. One query."""
    found = _STATE.rows(mid=mid)
    if not found and mid == settings.SFMC_ACCOUNT_ID:
        ensure_own_unit()
        found = _STATE.rows(mid=mid)
    if not found:
        log.error("unknown_unit_requests_held", mid=mid)
        return SendPermit(limit=0)
    list_id, now, held_since, until, reason, singly_until, _, _, has_topics = found[0]
    permit = SendPermit(
        limit=1 if probing or (singly_until and singly_until > now) else settings.SFMC_BATCH_SIZE,
        all_subscribers_list_id=list_id,
        has_topics=bool(has_topics),
        stopped={MessageType(row[6]): row[7] <= now for row in found if row[6] is not None},
    )
    if probing or (held_since is None and (until is None or until <= now)):
        is_due = not probing and until is not None and reason in PROBED
        return replace(permit, probe_is_due=is_due)
    return replace(permit, limit=0, probe_is_due=until is not None and until <= now)


def _state() -> QuerySet[Any, Any]:
    """Return the state of a unit's queue: one row, or one for each of its stopped message types."""
    # A hold of unsubscribes is the queue's.
    stopped = Q(message_type_states__paused_until__isnull=False) & ~Q(
        message_type_states__message_type=MessageType.UNSUBSCRIBES.value
    )
    return (
        BusinessUnit.objects.filter(mid=Given("mid", IntegerField()))
        .order_by()
        .annotate(stopped=FilteredRelation("message_type_states", condition=stopped))
        .values_list(
            "all_subscribers_list_id", Now(),
            "queue_state__held_since", "queue_state__paused_until", "queue_state__paused_reason",
            "queue_state__singly_until", "stopped__message_type", "stopped__paused_until",
            Exists(Topic.objects.filter(unit=OuterRef("pk")).order_by()),
        )
    )  # fmt: skip


_STATE = PreparedSelect(_state)


def limit_of_type(mid: int, message_type: MessageType, permit: SendPermit) -> int:
    """Return how many rows of a message type may be claimed now: of a stopped one, one by the
    worker that acquires its probe."""
    if message_type not in permit.stopped:
        return permit.limit
    due = _type(mid, message_type).filter(paused_until__lte=Now())
    return 1 if due.update(paused_until=Now() + CIRCUIT_PAUSE) else 0


def close_type_when_idle(mid: int, message_type: MessageType) -> None:
    """Close the circuit of a message type that has nothing to send; a held one stays held."""
    _type(mid, message_type).filter(held_since=None).delete()


def _type(mid: int, message_type: MessageType) -> QuerySet[MessageTypeState]:
    return MessageTypeState.objects.filter(unit_id=mid, message_type=message_type.value)


def hold_if_alike(batch: Batch[Row], verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Return the verdicts; misconfigured instead of refused where ALIKE people in a row, over any
    number of messages, were refused alike for no reason of their own. Locks the MessageTypeState
    where they were refused so."""
    first = verdicts[0]
    if not all(one.names_nobody and _said(one) == _said(first) for one in verdicts):
        return verdicts
    state = queue_state.lock_type(batch.mid, batch.call_type)
    before = state.refused_rows if state.refusal == _said(first) else []
    rows = list(dict.fromkeys([*before, *(row.pk for row in batch.rows)]))[-_REFUSED_KEPT:]
    MessageTypeState.objects.filter(pk=state.pk).update(refusal=_said(first), refused_rows=rows)
    if _number_of_people(batch, rows) < ALIKE:
        return verdicts
    said = first.detail or f"error code {first.error_code}"
    held = replace(
        first, outcome=Outcome.MISCONFIGURED, detail=f"everybody is refused alike: {said}"[:200],
        tries=None, fallback=None, of_call=True,
    )  # fmt: skip
    return tuple(replace(held, sfmc_request_id=one.sfmc_request_id) for one in verdicts)


def _said(verdict: Verdict) -> str:
    """Return what a refusal says, to compare it with others."""
    return f"{verdict.status_code} {verdict.error_code} {verdict.detail}"[:250]


def _number_of_people(batch: Batch[Row], rows: Sequence[int]) -> int:
    """Return how many subscribers these rows, of the table of the batch, are of."""
    found = type(batch.rows[0]).objects.filter(pk__in=rows)
    return found.order_by().values("subscriber_digest").distinct().count()


def record_results(
    mid: int,
    verdicts: Sequence[Verdict],
    message_type: MessageType = MessageType.UNSUBSCRIBES,
) -> None:
    """Apply the verdicts of one message, or of a probe, to the state of the unit's queue and of the
    message type. Locks both states until the end of the transaction, where there is something to
    change."""
    # Without a savepoint: where it raises, the caller's transaction is rolled back as a whole.
    with transaction.atomic(savepoint=False):
        _record_results(mid, verdicts, message_type)


def _record_results(mid: int, verdicts: Sequence[Verdict], message_type: MessageType) -> None:
    is_unsubscribe = message_type is MessageType.UNSUBSCRIBES
    misconfigured = _misconfigured(verdicts)
    limiting = next(
        (v for v in verdicts if v.backpressure is not Backpressure.NONE or v.retry_after), None
    )
    if misconfigured:
        _hold(mid, misconfigured, message_type)
        return
    unanswered = all(_is_unanswered(verdict) for verdict in verdicts)
    if unanswered and not limiting and not is_unsubscribe:
        _count_unknown_of_type(mid, message_type)
        return
    trouble = _TROUBLE.column(mid=mid, message_type=message_type.value)
    if (
        _OF_TYPE in trouble
        and not unanswered
        and not all(verdict.names_nobody for verdict in verdicts)
    ):
        _type(mid, message_type).delete()
    if not (limiting or unanswered or _OF_QUEUE in trouble):
        # The usual case takes no lock: workers that send for one unit at once do not wait here.
        return
    queue = queue_state.lock(mid)
    stays_held = queue.is_held and not _released(mid)
    if limiting:
        _pause_queue(mid, limiting, is_held=stays_held)
    elif not unanswered:
        close_circuit_when_idle(mid)
    elif not stays_held:
        # A held queue sends nothing but probes: there is no circuit to open.
        _count_unknown(queue)


def _released(mid: int) -> bool:
    """Release a held queue, unless it is held because of unsubscribes alone. Return whether it
    was."""
    if _is_held_for_unsubscribes(mid):
        return False
    queue_state.release(mid)
    metrics.QUEUE_CHANGES.labels("released").inc()
    log.info("queue_released", mid=mid)
    return True


def _misconfigured(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict that holds the queue, if there is one. A right that is missing for some
    subscribers of a message holds nothing: the call itself was accepted."""
    was_posted = any(verdict.outcome is Outcome.POSTED for verdict in verdicts)
    return next(
        (
            verdict
            for verdict in verdicts
            if verdict.outcome is Outcome.MISCONFIGURED and not (verdict.of_call and was_posted)
        ),
        None,
    )


_OF_QUEUE, _OF_TYPE = "queue", "type"


def _trouble() -> QuerySet[Any, Any]:
    """Return what an answered message would change: _OF_QUEUE where it is the state of the unit's
    queue, _OF_TYPE where it is that of the message type."""
    mid = Given("mid", IntegerField())
    of_queue = QueueState.objects.filter(
        Q(held_since__isnull=False) | Q(unknowns_in_a_row__gt=0) | ~Q(paused_reason=""), pk=mid
    )
    of_type = MessageTypeState.objects.filter(
        unit_id=mid, message_type=Given("message_type", CharField())
    )
    return of_queue.order_by().values_list(Value(_OF_QUEUE)).union(
        of_type.order_by().values_list(Value(_OF_TYPE)), all=True
    )  # fmt: skip


_TROUBLE = PreparedSelect(_trouble)


def _is_unanswered(verdict: Verdict) -> bool:
    """Return whether a request got no answer: outcome unknown, or Marketing Cloud not reached."""
    is_open = verdict.outcome in (Outcome.UNKNOWN, Outcome.TRY_LATER)
    return is_open and not verdict.status_code and not verdict.names_nobody


def _is_held_for_unsubscribes(mid: int) -> bool:
    """Return whether the queue is held because of what concerns unsubscribes alone: then the answer
    to another message does not release it."""
    return _type(mid, MessageType.UNSUBSCRIBES).filter(held_since__isnull=False).exists()


def _hold(mid: int, verdict: Verdict, message_type: MessageType) -> None:
    """Hold a unit's queue: the configuration is wrong, not a request. Hold the changes or emails
    alone where it concerns only them."""
    if verdict.of_call:
        queue_state.hold_type(mid, message_type, verdict.detail)
    if message_type is MessageType.UNSUBSCRIBES or not verdict.of_call:
        queue_state.hold(mid, verdict.detail)
    metrics.QUEUE_CHANGES.labels("held").inc()
    log.error(
        "queue_held", mid=mid, error_code=verdict.error_code,
        message_type=message_type.value if verdict.of_call else "all",
    )  # fmt: skip


def _pause_queue(mid: int, verdict: Verdict, *, is_held: bool) -> None:
    """Pause the whole queue: rate limit, maintenance, or a Retry-After. A held one is held for
    longer: until its next probe."""
    seconds = delay(
        1, draw=random, backpressure=verdict.backpressure, retry_after=verdict.retry_after
    )
    QueueState.objects.filter(pk=mid).update(
        paused_until=Now() + timedelta(seconds=seconds),
        paused_reason=HELD if is_held else verdict.backpressure.value,
        unknowns_in_a_row=0,
    )
    metrics.QUEUE_CHANGES.labels("paused").inc()
    log.warning("queue_paused", mid=mid, reason=verdict.backpressure.value, seconds=round(seconds))


def _count_unknown(queue: QueueState) -> None:
    """Count a message without a readable answer; at the limit the circuit opens."""
    mine, unknowns = QueueState.objects.filter(pk=queue.pk), queue.unknowns_in_a_row + 1
    mine.update(unknowns_in_a_row=unknowns)
    if unknowns >= CIRCUIT_OPENS_AT:
        mine.update(paused_until=Now() + CIRCUIT_PAUSE, paused_reason=CIRCUIT_OPEN)
        metrics.QUEUE_CHANGES.labels("circuit_opened").inc()
        log.error("circuit_opened", mid=queue.pk, unknowns=unknowns)


def _count_unknown_of_type(mid: int, message_type: MessageType) -> None:
    """Count a message of changes or emails without a readable answer; at the limit the circuit of
    that type opens."""
    state = queue_state.lock_type(mid, message_type)
    mine, unknowns = MessageTypeState.objects.filter(pk=state.pk), state.unknowns_in_a_row + 1
    mine.update(unknowns_in_a_row=unknowns)
    if unknowns >= CIRCUIT_OPENS_AT:
        mine.update(paused_until=Now() + CIRCUIT_PAUSE)
        metrics.QUEUE_CHANGES.labels("circuit_opened").inc()
        log.error("circuit_opened", mid=mid, unknowns=unknowns, message_type=message_type.value)


def send_singly(mid: int) -> None:
    """Send one row per message for ten minutes, after a message of several rows could not be
    resolved. Locks the unit's QueueState."""
    with transaction.atomic():
        queue_state.lock(mid)
        QueueState.objects.filter(pk=mid).update(singly_until=Now() + SINGLY)
    metrics.QUEUE_CHANGES.labels("singly").inc()
    log.warning("batching_suspended", mid=mid)
