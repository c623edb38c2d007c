"""Delivers requests in three steps: claim, call, settle. Claim and settle are each a short
transaction; no transaction is open during a network call."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from random import random
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Min, Q, Value, When
from django.db.models.functions import Now

from unsub.domain.call_method import CallMethod
from unsub.domain.outcomes import (
    NOT_CALLED,
    Outcome,
    Step,
    Verdict,
    read_error,
    read_status,
)
from unsub.domain.retry import delay
from unsub.gateway import calls as gateway
from unsub.gateway import concurrency
from unsub.infra import metrics
from unsub.models import BusinessUnit, LinkEmail, MessageType, Status, SubscriberRequest
from unsub.models.queue_state import queue_of
from unsub.sfmc import MisconfiguredError, PermanentError, SfmcError, UnknownOutcomeError
from unsub.units.queue_state import HOLD_PROBE

from . import circuit, isolation, late_calls, measures
from .batch import Batch, Row
from .claim import claim
from .kinds import link_email, unsubscribe, update
from .lease import LeaseLostError

log = structlog.get_logger(__name__)

# A task works this long for one unit, then sends a wake-up that queues behind those of other units.
DRAIN_SECONDS = 5.0
JUST_NOW = timedelta(seconds=1)
NO_SLOT_SECONDS = 0.5  # until the next try where all call slots are in use


def drain(mid: int, *, more: Callable[[], None]) -> float | None:
    """Deliver the due rows of a business unit for a few seconds. Return the seconds after which to
    look again, or None where the next sweep is soon enough. `more` wakes another worker."""
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
    """Return the batch to send now: after trouble a single row as a half-open probe, and only where
    GetSystemStatus does not report that Marketing Cloud is unavailable."""
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
    """Return whether GetSystemStatus gives no reason to wait; else pause the unit's queue again."""
    try:
        status = gateway.system_status()
    except (UnknownOutcomeError, PermanentError, MisconfiguredError):
        # The call tells nothing about the system's status, and a right that is missing for it alone
        # holds nothing: a real call has to find out.
        return True
    except SfmcError as err:
        circuit.record_results(mid, (read_error(err),))
        return False
    except Exception as err:  # noqa: BLE001 - as above: an unsubscribe finds out
        log.error("status_raised", mid=mid, **isolation.facts_of(err))  # noqa: TRY400 - no text of it
        return True
    verdict = read_status(status)
    if verdict:
        circuit.record_results(mid, (verdict,))
    return verdict is None


def call(batch: Batch[Row]) -> tuple[Verdict, ...]:
    """Return one verdict per row of the batch, in order. Every exception becomes a verdict: of
    SfmcErrors what they say of the call, of others that the rows are sent again, each alone."""
    try:
        verdicts = _SENDERS[batch.message_type](batch)
    except LeaseLostError:
        return (NOT_CALLED,) * len(batch.rows)
    except PermanentError as err:
        return _retry_singly(batch, read_error(err))
    except SfmcError as err:
        verdicts = (read_error(err),) * len(batch.rows)
    except Exception as err:  # noqa: BLE001 - one row must not stop the others
        return isolation.verdicts_on(batch, err)
    return _retry_singly(batch, None) if verdicts is None else verdicts


_SENDERS: Mapping[MessageType, Callable[[Batch[Any]], tuple[Verdict, ...] | None]] = {
    MessageType.UNSUBSCRIBES: unsubscribe.send,
    MessageType.CHANGES: update.send,
    MessageType.MAILS: link_email.send,
}


def _retry_singly(batch: Batch[Row], refusal: Verdict | None) -> tuple[Verdict, ...]:
    """Return verdicts that send each row of a message again on its own: either the whole message
    was refused, or its reply did not tell which result belongs to which row. A row that is refused
    alone is sent alone once more before it stays refused."""
    if refusal and len(batch.rows) == 1:
        return (_refused_alone(batch.rows[0], refusal),)
    circuit.send_singly(batch.mid)
    again = Verdict(
        outcome=Outcome.TRY_LATER if refusal else Outcome.UNKNOWN,
        error_code=refusal.error_code if refusal else None,
        detail="the whole message was refused" if refusal else "number of results",
        at_once=True,
    )
    return (again,) * len(batch.rows)


def _refused_alone(row: Row, refusal: Verdict) -> Verdict:
    """Return the verdict on a row that was refused alone. The first refusal that says nothing about
    the subscriber is retried: what hits others alike holds the queue meanwhile, and refuses nobody
    (`circuit.hold_if_alike`)."""
    before = row.delivery_attempts.filter(
        batch_size=1, outcome=Outcome.TRY_LATER.value, detail=refusal.detail
    )
    if not refusal.names_nobody or before.exists():
        return refusal
    return replace(refusal, outcome=Outcome.TRY_LATER)


@metrics.SETTLE_TIME.time()
def settle(batch: Batch[Row], verdicts: tuple[Verdict, ...]) -> None:
    """Complete the attempts, set the next state of the rows for which this worker still holds the
    lease, and record the results in the unit's queue. One transaction; locks the rows and, after
    trouble, the QueueState. Where the lease was lost and a call was made all the same, see
    `late_calls`. Where it raises, each row is settled in a transaction of its own.

    Raises OperationalError or InterfaceError where the database does not answer: the lease then
    expires.
    """
    try:
        _settle(batch, verdicts)
    except (OperationalError, InterfaceError):
        raise
    except Exception as err:  # noqa: BLE001 - one row must not stop the others
        log.error("settle_raised", mid=batch.mid, **isolation.facts_of(err))  # noqa: TRY400 - no text of it
        for row, verdict in zip(batch.rows, verdicts, strict=True):
            _settle_alone(replace(batch, rows=(row,)), verdict)


def _settle_alone(batch: Batch[Row], verdict: Verdict) -> None:
    """Settle a batch of one row; as failed here where its own verdict cannot be written. It is then
    sent once more."""
    try:
        _settle(batch, (verdict,))
    except (OperationalError, InterfaceError):
        raise
    except Exception as err:  # noqa: BLE001 - as above
        _settle(batch, isolation.verdicts_on(batch, err))


def _settle(batch: Batch[Row], verdicts: tuple[Verdict, ...]) -> None:
    with transaction.atomic(durable=True):
        verdicts = circuit.hold_if_alike(batch, verdicts)
        lost = []
        for row, verdict in zip(batch.rows, verdicts, strict=True):
            _complete_attempt(row, batch.lease, verdict)
            if not _advance(row, batch.lease, verdict):
                lost.append((row, verdict))
        if lost and batch.calls:
            late_calls.record(batch, lost)
        if answers := [verdict for verdict in verdicts if verdict.is_of_marketing_cloud]:
            circuit.record_results(batch.mid, answers, batch.call_type)
    measures.count(batch, verdicts, lost=[row for row, _ in lost])
    # Outside the transaction: a failure to write the log must not roll back the results.
    for row, verdict in zip(batch.rows, verdicts, strict=True):
        log.info(
            "attempt_settled", **_named(row), mid=batch.mid, job_id=row.job_id,
            attempt=row.attempts, outcome=verdict.outcome.value, error_code=verdict.error_code,
        )  # fmt: skip


def _named(row: Row) -> dict[str, Any]:
    """Return the log fields that identify a row."""
    if isinstance(row, LinkEmail):
        return {"link_email_id": row.pk, "purpose": row.purpose}
    return {"request_id": row.pk, "kind": row.kind}


def _complete_attempt(row: Row, lease: UUID, verdict: Verdict) -> None:
    """Write the result of the attempt, once: an attempt that the sweep completed stays as it is."""
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


def _advance(row: Row, lease: UUID, verdict: Verdict) -> bool:
    """Set the next state of a request or email, where this worker still holds the lease. Return
    whether it does."""
    step = verdict.step(row.attempts)
    ended = step in (Step.FINISH, Step.REFUSE)
    changes = {
        "status": _NEXT[step],
        "lease": None,
        "lease_until": None,
        "outcome": verdict.outcome.value,
        "error_code": verdict.error_code,
        "sfmc_request_id": verdict.sfmc_request_id,
        "next_attempt_at": Now() + _wait(row, verdict),
        "finished_at": Now() if ended else None,
    }
    if isinstance(row, SubscriberRequest):
        changes |= _changes_of_request(row, step, verdict)
    held = type(row).objects.filter(pk=row.pk, lease=lease, status=Status.SENDING)
    return bool(held.update(**changes))


def _changes_of_request(row: SubscriberRequest, step: Step, verdict: Verdict) -> dict[str, Any]:
    """Return what changes in a request beside what changes in an email: how it is sent next, the
    error code after a fallback in vain, and one more round where it is to be sent again
    (`unsub/outbox/reassertion.py`)."""
    if verdict.fallback is not None:
        return {"call_method": verdict.fallback}
    if step is Step.REFUSE and row.call_method != CallMethod.EVENT:
        return {"error_code": _first_code(row) or verdict.error_code}
    if step is not Step.FINISH:
        return {}
    again = Q(send_again=True)
    return {
        "status": Case(When(again, then=Value(Status.PENDING)), default=Value(Status.DONE)),
        "finished_at": Case(When(again, then=None), default=Now()),
        "next_attempt_at": Now(),
        "send_again": False,
    }


def _first_code(row: SubscriberRequest) -> int | None:
    """Return the error code of the last LogUnsubEvent that was sent as the link says: the cause
    that a marketer has to know, where the fallbacks were refused, too."""
    codes = row.delivery_attempts.filter(call_method=CallMethod.EVENT).exclude(error_code=None)
    return codes.order_by("-number").values_list("error_code", flat=True).first()


def _wait(row: Row, verdict: Verdict) -> timedelta:
    """Return how long a row waits for its next attempt, if there is one."""
    if verdict.at_once or verdict.fallback is not None:
        return timedelta()
    wait = timedelta(
        seconds=delay(
            row.attempts,
            draw=random,
            backpressure=verdict.backpressure,
            retry_after=verdict.retry_after,
        )
    )
    # A held queue needs a due row for its next probe, and a release must send what is pending.
    return min(wait, HOLD_PROBE) if verdict.step(row.attempts) is Step.HOLD else wait


def _seconds_to_next(mid: int) -> float | None:
    """Return the seconds until the unit's next row is due, if that is before the next sweep."""
    units = BusinessUnit.objects.select_related("queue_state").annotate(now=Now())
    unit = units.filter(mid=mid).first()
    if unit is None or (queue := queue_of(unit)).is_held:
        return None
    pending = Q(unit_id=mid, status=Status.PENDING)
    if not queue.is_paused(unit.now):
        # A row that has been due for longer and was not claimed is held by another worker, or waits
        # for such a row: polling for it would not help.
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
