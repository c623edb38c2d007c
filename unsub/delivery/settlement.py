"""Writes the results of a batch in a number of statements that does not grow with its rows: rows
that change alike are written together."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from random import random
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    DateTimeField,
    Field,
    Q,
    QuerySet,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Now

from unsub.domain.call_method import CallMethod
from unsub.domain.outcomes import Step, Verdict
from unsub.domain.retry import delay
from unsub.infra.queries import Given, OneOf, PreparedChange, PreparedSelect
from unsub.models import DeliveryAttempt, LinkEmail, Status, SubscriberRequest
from unsub.units.queue_state import HOLD_PROBE
from unsub.webhooks import recording

from .batch import Batch, Row

Settled = tuple[Row, Verdict]
# A row whose configuration is wrong stays pending: it is the unit's queue that is held.
_NEXT = {
    Step.FINISH: Status.DONE,
    Step.REFUSE: Status.REFUSED,
    Step.RETRY: Status.PENDING,
    Step.HOLD: Status.PENDING,
}


def write(batch: Batch[Row], verdicts: Sequence[Verdict]) -> list[Settled]:
    """Complete the attempts of a batch, and set the next state of the rows for which this worker
    still holds the lease. Return the others, each with its verdict. In the caller's transaction;
    locks the rows, in the order of their ids."""
    pairs = list(zip(batch.rows, verdicts, strict=True))
    model = type(batch.rows[0])
    ids = set(_LOCKED[model].column(ids=_ids(batch.rows), lease=batch.lease))
    for result, alike in _grouped(pairs, _result).items():
        some = _ids(row for row, _ in alike)
        _ENDED[model].execute(ids=some, lease=batch.lease, **dict(result))
    kept = [pair for pair in pairs if pair[0].pk in ids]
    for changes, alike in _grouped(kept, _changes).items():
        some = _ids(row for row, _ in alike)
        if model is SubscriberRequest and changes[0] == ("status", Status.DONE):
            _DONE.execute(ids=some, lease=batch.lease, **dict(changes[1:]))
        else:
            _held(batch).filter(pk__in=some).update(
                lease=None, lease_until=None, **(dict(changes) | _times(alike))
            )
    if model is SubscriberRequest:
        recording.ended([row.pk for row, _ in kept], batch.mid)
    return [pair for pair in pairs if pair[0].pk not in ids]


_IDS, _LEASE = Given("ids", BigIntegerField(), many=True), Given("lease", UUIDField())


def _locked(model: type[Row]) -> PreparedSelect:
    """Return the query for the rows for which this worker still holds the lease, locked."""
    return PreparedSelect(
        lambda: (
            model.objects.filter(OneOf("pk", _IDS), lease=_LEASE, status=Status.SENDING)
            .order_by("pk")
            .select_for_update(of=("self",), no_key=True)
            .values_list("pk")
        )
    )


def _ended(column: str) -> PreparedChange:
    """Return the statement that completes attempts. One that the sweep completed stays as it is."""
    result: dict[str, Field[Any, Any]] = {
        "outcome": CharField(), "status_code": CharField(), "error_code": BigIntegerField(),
        "detail": CharField(), "sfmc_request_id": CharField(),
    }  # fmt: skip
    return PreparedChange(
        lambda: (
            DeliveryAttempt.objects.filter(OneOf(column, _IDS), lease=_LEASE, finished_at=None),
            {"finished_at": Now()} | {name: Given(name, one) for name, one in result.items()},
        )
    )


def _done() -> tuple[QuerySet[Any], dict[str, Any]]:
    """Return how requests become done; those that are to be sent again (`outbox/reassertion.py`)
    become pending once more."""
    again = Q(send_again=True)
    return SubscriberRequest.objects.filter(
        OneOf("pk", _IDS), lease=_LEASE, status=Status.SENDING
    ), {
        "lease": None,
        "lease_until": None,
        "status": Case(When(again, then=Value(Status.PENDING)), default=Value(Status.DONE)),
        "outcome": Given("outcome", CharField()),
        "error_code": Given("error_code", BigIntegerField()),
        "sfmc_request_id": Given("sfmc_request_id", CharField()),
        "finished_at": Case(When(again, then=None), default=Now()),
        "next_attempt_at": Now(),
        "send_again": False,
    }


_LOCKED: Mapping[type[Row], PreparedSelect] = {
    model: _locked(model) for model in (SubscriberRequest, LinkEmail)
}
_ENDED: Mapping[type[Row], PreparedChange] = {
    SubscriberRequest: _ended("request_id"), LinkEmail: _ended("link_email_id")
}  # fmt: skip
_DONE = PreparedChange(_done)


def write_late(batch: Batch[Row], lost: Sequence[Settled]) -> None:
    """Write the late replies onto the attempts, once. In the caller's transaction."""
    for outcome, alike in _grouped(lost, lambda pair: pair[1].outcome.value).items():
        _attempts(batch, alike).filter(late_at=None).update(late_at=Now(), late_outcome=outcome)


def _held(batch: Batch[Row]) -> QuerySet[Any]:
    """Return the rows for which this worker still holds the lease."""
    return type(batch.rows[0]).objects.filter(lease=batch.lease, status=Status.SENDING)


def _attempts(batch: Batch[Row], pairs: Sequence[Settled]) -> QuerySet[DeliveryAttempt]:
    """Return the attempts of these rows under the lease of the batch."""
    name = "request" if isinstance(batch.rows[0], SubscriberRequest) else "link_email"
    rows = {f"{name}_id__in": _ids(row for row, _ in pairs)}
    return DeliveryAttempt.objects.filter(lease=batch.lease, **rows)


def _ids(rows: Iterable[Row]) -> list[int]:
    return [row.pk for row in rows]


def _grouped(pairs: Iterable[Settled], key: Any) -> Mapping[Any, list[Settled]]:
    """Return {key: rows with their verdicts}."""
    found: dict[Any, list[Settled]] = {}
    for pair in pairs:
        found.setdefault(key(pair), []).append(pair)
    return found


def _result(pair: Settled) -> tuple[tuple[str, Any], ...]:
    """Return the columns of the attempt. An attempt that the sweep completed stays as it is."""
    verdict = pair[1]
    return (
        ("outcome", verdict.outcome.value),
        ("status_code", verdict.status_code),
        ("error_code", verdict.error_code),
        ("detail", verdict.detail),
        ("sfmc_request_id", verdict.sfmc_request_id),
    )


def _changes(pair: Settled) -> tuple[tuple[str, Any], ...]:
    """Return the columns of a row that hold no time. Rows with the same ones are written
    together."""
    row, verdict = pair
    step = verdict.step(row.attempts)
    changes = {
        "status": _NEXT[step],
        "outcome": verdict.outcome.value,
        "error_code": verdict.error_code,
        "sfmc_request_id": verdict.sfmc_request_id,
    }
    if isinstance(row, SubscriberRequest):
        changes |= _changes_of_request(row, step, verdict)
    return tuple(changes.items())


def _changes_of_request(row: SubscriberRequest, step: Step, verdict: Verdict) -> dict[str, Any]:
    """Return what changes in a request beside what changes in an email: how it is sent next, and
    the error code after a fallback in vain."""
    if verdict.fallback is not None:
        return {"call_method": verdict.fallback}
    if step is Step.REFUSE and row.call_method != CallMethod.EVENT:
        return {"error_code": _first_code(row) or verdict.error_code}
    return {}


def _first_code(row: SubscriberRequest) -> int | None:
    """Return the error code of the last LogUnsubEvent that was sent as the link says: the cause
    that a marketer has to know, where the fallbacks were refused, too."""
    codes = row.delivery_attempts.filter(call_method=CallMethod.EVENT).exclude(error_code=None)
    return codes.order_by("-number").values_list("error_code", flat=True).first()


def _times(alike: Sequence[Settled]) -> dict[str, Any]:
    """Return the times of rows that change alike."""
    row, verdict = alike[0]
    step = verdict.step(row.attempts)
    if step in (Step.FINISH, Step.REFUSE):
        return {"finished_at": Now(), "next_attempt_at": Now()}
    return {"finished_at": None, "next_attempt_at": _next_attempt(alike)}


def _next_attempt(alike: Sequence[Settled]) -> Any:
    """Return the time of the next attempt; each row has its own jitter."""
    waits = {row.pk: _wait(row, verdict) for row, verdict in alike}
    if not any(waits.values()):
        return Now()
    times = (When(pk=pk, then=Now() + wait) for pk, wait in waits.items())
    return Case(*times, output_field=DateTimeField())


def _wait(row: Row, verdict: Verdict) -> timedelta:
    """Return how long a row waits for its next attempt."""
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
