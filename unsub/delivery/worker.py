"""claim -> call -> settle: each its own short transaction, with no network in any of them."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import random
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q
from django.db.models.functions import Now

from unsub.domain.outcomes import (
    Outcome,
    Step,
    Verdict,
    read_error,
    read_status,
    without_holding,
)
from unsub.domain.retry import delay
from unsub.gateway import calls as gateway
from unsub.gateway import concurrency
from unsub.models import BusinessUnit, LinkEmail, MessageType, Status, SubscriberRequest
from unsub.models.queue_state import queue_of
from unsub.sfmc import PermanentError, SfmcError, UnknownOutcomeError
from unsub.units.queue_state import HOLD_PROBE

from . import circuit
from .batch import Batch, Row
from .claim import claim
from .kinds import link_email, unsubscribe, update

log = structlog.get_logger(__name__)

# One task works this long for one unit, then queues up again behind the other units' bells.
DRAIN_SECONDS = 5.0
JUST_NOW = timedelta(seconds=1)
NO_SLOT_SECONDS = 0.5  # until another look where all calls at once are taken


def drain(mid: int, *, more: Callable[[], None]) -> float | None:
    """Deliver what is due for a business unit for a few seconds. Return the seconds after which to
    look again, or None where the sweep is soon enough. `more` calls for another worker."""
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until:
        with concurrency.call_slot() as free:
            if not free:
                return NO_SLOT_SECONDS
            batch = _next_batch(mid)
            if batch is None:
                return _seconds_to_next(mid)
            if batch.full:
                more()
            settle(batch, call(batch))
    return 0.0


def _next_batch(mid: int) -> Batch[Row] | None:
    """Return what to send now: after trouble one row as a probe, and only where Marketing Cloud
    does not say itself that it is not there."""
    trouble = circuit.acquire_probe(mid)
    if trouble is None:
        return claim(mid)
    if trouble in circuit.STATUS_FIRST and not _is_up(mid):
        return None
    batch = claim(mid, probing=True)
    if batch is None:
        circuit.close_circuit_when_idle(mid)
    return batch


def _is_up(mid: int) -> bool:
    """Return whether GetSystemStatus gives no reason to wait; else the unit rests again."""
    try:
        status = gateway.system_status()
    except (UnknownOutcomeError, PermanentError):
        # No word about the system: then a real call has to find out.
        return True
    except SfmcError as err:
        circuit.record_results(mid, (read_error(err),))
        return False
    verdict = read_status(status)
    if verdict:
        circuit.record_results(mid, (verdict,))
    return verdict is None


def call(batch: Batch[Row]) -> tuple[Verdict, ...]:
    """Return a verdict per row, in order, whatever happens on the way."""
    try:
        verdicts = _SENDERS[batch.message_type](batch)
    except PermanentError as err:
        return _retry_singly(batch, read_error(err))
    except SfmcError as err:
        verdicts = (read_error(err),) * len(batch.rows)
    if verdicts is None:
        return _retry_singly(batch, None)
    if batch.message_type is MessageType.UNSUBSCRIBES:
        return verdicts
    # A right that is missing for these must not hold up everybody's unsubscribes.
    return tuple(map(without_holding, verdicts))


_SENDERS: Mapping[MessageType, Callable[[Batch[Any]], tuple[Verdict, ...] | None]] = {
    MessageType.UNSUBSCRIBES: unsubscribe.send,
    MessageType.CHANGES: update.send,
    MessageType.MAILS: link_email.send,
}


def _retry_singly(batch: Batch[Row], refusal: Verdict | None) -> tuple[Verdict, ...]:
    """Return verdicts that send a message's rows again, each alone: either the whole message was
    refused, or its reply did not tell which result is whose. One row refused alone is refused."""
    if refusal and len(batch.rows) == 1:
        return (refusal,)
    circuit.send_singly(batch.mid)
    again = Verdict(
        outcome=Outcome.TRY_LATER if refusal else Outcome.UNKNOWN,
        error_code=refusal.error_code if refusal else None,
        detail="the whole message was refused" if refusal else "number of results",
        at_once=True,
    )
    return (again,) * len(batch.rows)


def settle(batch: Batch[Row], verdicts: tuple[Verdict, ...]) -> None:
    """Complete the attempts and move the rows on, where this worker still holds the lease."""
    with transaction.atomic(durable=True):
        for row, verdict in zip(batch.rows, verdicts, strict=True):
            _complete_attempt(row, batch.lease, verdict)
            _advance(row, batch.lease, verdict)
        circuit.record_results(batch.mid, verdicts)
    # Outside: a log that cannot be written must not undo what is known.
    for row, verdict in zip(batch.rows, verdicts, strict=True):
        log.info(
            "attempt_settled", **_named(row), mid=batch.mid, job_id=row.job_id,
            attempt=row.attempts, outcome=verdict.outcome.value, error_code=verdict.error_code,
        )  # fmt: skip


def _named(row: Row) -> dict[str, Any]:
    """Return what a row is called in the log."""
    if isinstance(row, LinkEmail):
        return {"link_email_id": row.pk, "purpose": row.purpose}
    return {"request_id": row.pk, "kind": row.kind}


def _complete_attempt(row: Row, lease: UUID, verdict: Verdict) -> None:
    """Write what came of the attempt, once: one that the sweep completed stays as it is."""
    row.delivery_attempts.filter(lease=lease, finished_at=None).update(
        finished_at=Now(),
        outcome=verdict.outcome.value,
        status_code=verdict.status_code,
        error_code=verdict.error_code,
        detail=verdict.detail,
        sfmc_request_id=verdict.sfmc_request_id,
    )


# A row whose configuration is wrong stays pending: it is the unit's queue that is held.
_NEXT = {
    Step.FINISH: Status.DONE,
    Step.REFUSE: Status.REFUSED,
    Step.RETRY: Status.PENDING,
    Step.HOLD: Status.PENDING,
}


def _advance(row: Row, lease: UUID, verdict: Verdict) -> None:
    """Give the request or email its next state."""
    step = verdict.step(row.attempts)
    ended = step in (Step.FINISH, Step.REFUSE)
    type(row).objects.filter(pk=row.pk, lease=lease, status=Status.SENDING).update(
        status=_NEXT[step],
        lease=None,
        lease_until=None,
        outcome=verdict.outcome.value,
        error_code=verdict.error_code,
        sfmc_request_id=verdict.sfmc_request_id,
        next_attempt_at=Now() + _wait(row, verdict),
        finished_at=Now() if ended else None,
    )


def _wait(row: Row, verdict: Verdict) -> timedelta:
    """Return how long a row waits for its next attempt, if there is one."""
    if verdict.at_once:
        return timedelta()
    wait = timedelta(
        seconds=delay(
            row.attempts,
            draw=random,
            backpressure=verdict.backpressure,
            retry_after=verdict.retry_after,
        )
    )
    # In a held queue the next probe is a row that is due, and a release is to send what there is.
    return min(wait, HOLD_PROBE) if verdict.step(row.attempts) is Step.HOLD else wait


def _seconds_to_next(mid: int) -> float | None:
    """Return the seconds until the unit's next row is due, if that is before the next sweep."""
    units = BusinessUnit.objects.select_related("queue_state").annotate(now=Now())
    unit = units.filter(mid=mid).first()
    if unit is None or (queue := queue_of(unit)).is_held:
        return None
    pending = Q(unit_id=mid, status=Status.PENDING)
    if not queue.is_paused(unit.now):
        # What has been due for longer and was not taken is in another worker's hands, or waits for
        # what is: to look again all the time would not help.
        pending &= Q(next_attempt_at__gt=Now() - JUST_NOW)
    firsts = [
        rows.filter(pending).aggregate(first=Min("next_attempt_at"))["first"]
        for rows in (SubscriberRequest.objects.all(), LinkEmail.objects.all())
    ]
    first = min((one for one in firsts if one), default=None)
    if first is None:
        return None
    seconds = (max(first, queue.paused_until or first) - unit.now).total_seconds()
    return max(seconds, 0.05) if seconds < settings.SWEEP_SECONDS else None
