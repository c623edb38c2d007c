"""Delivers requests in three steps: claim, call, settle. Claim and settle are each a short
transaction; no transaction is open during a network call."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Min, Q
from django.db.models.functions import Now

from unsub.domain.outcomes import (
    HELD_BACK,
    NO_CALL_FREE,
    NOT_CALLED,
    STOPPING,
    WITHOUT_CALL,
    Outcome,
    Verdict,
    read_error,
    read_status,
)
from unsub.gateway import calls as gateway
from unsub.gateway import concurrency
from unsub.infra import metrics
from unsub.models import BusinessUnit, LinkEmail, MessageType, Status, SubscriberRequest
from unsub.models.queue_state import queue_of
from unsub.sfmc import MisconfiguredError, PermanentError, SfmcError, UnknownOutcomeError

from . import circuit, isolation, late_calls, measures, settlement
from .batch import Batch, Row
from .claim import claim
from .kinds import link_email, topic, unsubscribe, update
from .lease import LeaseLostError

log = structlog.get_logger(__name__)

# A task works this long for one unit, then sends a wake-up that queues behind those of other units.
DRAIN_SECONDS = 5.0
JUST_NOW = timedelta(seconds=1)
NO_SLOT_SECONDS = 0.5  # until the next try where all call slots are in use
# One for each thread of this process that delivers, and for those that wait with a claimed batch.
_draining: set[object] = set()
_ahead: set[object] = set()
# Slots of this process for each batch that may wait for one of them: so that it waits for about as
# long as one call takes.
SLOTS_FOR_ONE_AHEAD = 4


def drain(
    mid: int, *, more: Callable[[], None], is_stopping: Callable[[], bool] = lambda: False
) -> float | None:
    """Deliver the due rows of a business unit for a few seconds, or until the worker is to stop:
    rows that are claimed and not yet called are then pending again at once. Return the seconds
    after which to look again, or None where the next sweep is soon enough. `more` wakes another
    worker, or another thread of this one; it is called after each full batch while that helps."""
    me = object()
    _draining.add(me)
    try:
        return _drain(mid, more, is_stopping)
    finally:
        _draining.discard(me)


def _drain(mid: int, more: Callable[[], None], is_stopping: Callable[[], bool]) -> float | None:
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until and not is_stopping():
        with concurrency.call_slot() as free:
            batch = _next_batch(mid) if free else None
            if free and batch is None:
                return _seconds_to_next(mid)
            if batch and batch.full and _another_helps():
                more()
            verdicts = _send(batch, is_stopping) if batch else ()
        if batch:
            # Without the slot, so that another call is under way meanwhile.
            settle(batch, verdicts)
        elif not (_send_next(mid, is_stopping) or concurrency.wait_for_slot(NO_SLOT_SECONDS)):
            return NO_SLOT_SECONDS
    return 0.0


def _send_next(mid: int, is_stopping: Callable[[], bool]) -> bool:
    """Claim a batch while all slots are in use, send it in the next one that this process releases,
    and settle it: a slot in which a claim is made has no call meanwhile. Return False where nothing
    was claimed: no due row, a queue to be probed first, or too few slots of this process."""
    if (len(_ahead) + 1) * SLOTS_FOR_ONE_AHEAD > concurrency.held_here():
        return False
    me = object()
    _ahead.add(me)
    try:
        permit = circuit.permit(mid)
        batch = None if permit.probe_is_due else claim(mid, permit=permit)
        verdicts = _send_when_free(batch, permit, is_stopping) if batch else ()
    finally:
        _ahead.discard(me)
    if batch:
        settle(batch, verdicts)
    return batch is not None


def _send_when_free(
    batch: Batch[Row], before: circuit.SendPermit, is_stopping: Callable[[], bool]
) -> tuple[Verdict, ...]:
    """Return the verdicts on the rows of a batch, which is sent in the next slot that this process
    releases. It is not sent where the worker is to stop, the queue was stopped since it was claimed
    under the permit `before`, or other workers have got all slots."""
    tries_without = 0
    while not is_stopping():
        with concurrency.call_slot() as free:
            if free:
                was_stopped = _was_stopped(batch, before)
                return (HELD_BACK,) * len(batch.rows) if was_stopped else call(batch)
        tries_without = 0 if concurrency.held_here() else tries_without + 1
        if tries_without > 1:
            return (NO_CALL_FREE,) * len(batch.rows)
        concurrency.wait_for_slot(NO_SLOT_SECONDS)
    return (STOPPING,) * len(batch.rows)


def _was_stopped(batch: Batch[Row], before: circuit.SendPermit) -> bool:
    """Return whether the queue, or the batch's message type, was stopped since this permit."""
    now = circuit.permit(batch.mid)
    return not now.limit or batch.message_type in now.stopped.keys() - before.stopped.keys()


def _send(batch: Batch[Row], is_stopping: Callable[[], bool]) -> tuple[Verdict, ...]:
    """Return the verdicts on the rows of a batch, which is sent unless the worker is to stop."""
    return (STOPPING,) * len(batch.rows) if is_stopping() else call(batch)


def _another_helps() -> bool:
    """Return whether another thread could have a slot: none was refused a moment ago, and those of
    this process do not use all of them, even if some are settling."""
    enough = concurrency.Caller.WORKERS.limit * 1.2
    return not concurrency.were_in_use() and len(_draining) < enough


def _next_batch(mid: int) -> Batch[Row] | None:
    """Return the batch to send now: after trouble a single row as a half-open probe, and only where
    GetSystemStatus does not report that Marketing Cloud is unavailable."""
    permit = circuit.permit(mid)
    if not permit.probe_is_due:
        return claim(mid, permit=permit)
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
    if verdicts is None:
        return _retry_singly(batch, None)
    return tuple(
        _with_all_tries(row, verdict) for row, verdict in zip(batch.rows, verdicts, strict=True)
    )


def _with_all_tries(row: Row, verdict: Verdict) -> Verdict:
    """Return the verdict with as many tries more as the row had attempts that made no call."""
    if verdict.tries is None or row.attempts < verdict.tries:
        return verdict
    without = row.delivery_attempts.filter(
        outcome=Outcome.TRY_LATER.value, detail__in=WITHOUT_CALL
    ).count()
    return replace(verdict, tries=verdict.tries + without) if without else verdict


_SENDERS: Mapping[MessageType, Callable[[Batch[Any]], tuple[Verdict, ...] | None]] = {
    MessageType.UNSUBSCRIBES: unsubscribe.send,
    MessageType.CHANGES: update.send,
    MessageType.TOPICS: topic.send,
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
        lost = settlement.write(batch, verdicts)
        if lost and batch.calls:
            late_calls.record(batch, lost)
        if answers := [verdict for verdict in verdicts if verdict.is_of_marketing_cloud]:
            circuit.record_results(batch.mid, answers, batch.call_type)
    measures.count(batch, verdicts, lost=[row for row, _ in lost])
    # Outside the transaction: a failure to write the log must not roll back the results.
    _log(batch, verdicts)


def _log(batch: Batch[Row], verdicts: tuple[Verdict, ...]) -> None:
    """Log one line for all rows of a message that ended alike: writing a line takes as long as a
    query."""
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row, verdict in zip(batch.rows, verdicts, strict=True):
        what = row.purpose if isinstance(row, LinkEmail) else row.kind
        key = what, row.attempts, verdict.outcome.value, verdict.error_code
        alike.setdefault(key, []).append(row)
    for (what, attempt, outcome, error_code), rows in alike.items():
        log.info(
            "attempt_settled", **_named(rows, what), mid=batch.mid,
            attempt=attempt, outcome=outcome, error_code=error_code,
        )  # fmt: skip


def _named(rows: list[Row], what: str) -> dict[str, Any]:
    """Return the log fields that identify rows: a value for one row, else a list."""
    id_field, kind = ("request_id", "kind")
    if isinstance(rows[0], LinkEmail):
        id_field, kind = "link_email_id", "purpose"
    if len(rows) == 1:
        return {id_field: rows[0].pk, kind: what, "job_id": rows[0].job_id}
    jobs = sorted({row.job_id for row in rows if row.job_id is not None})
    return {f"{id_field}s": [row.pk for row in rows], kind: what, "job_ids": jobs}


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
