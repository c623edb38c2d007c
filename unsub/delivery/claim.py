"""Claims the rows that a worker sends next: due rows of one unit and one message type, under a
lease."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from unsub.domain.call_method import CallMethod
from unsub.domain.outcomes import Outcome
from unsub.infra import metrics
from unsub.models import (
    DeliveryAttempt,
    EmailStatus,
    Kind,
    LinkEmail,
    MessageType,
    Status,
    SubscriberRequest,
)
from unsub.outbox import address_rules, link_emails, precedence, restoring

from . import circuit, isolation
from .batch import Batch, Row

log = structlog.get_logger(__name__)

_Row = TypeVar("_Row", SubscriberRequest, LinkEmail)
# Returns those of the ids of locked rows that may be sent now.
Examine = Callable[[list[int]], list[int]]
POSTPONED = timedelta(minutes=5)  # for a row that cannot be examined


@metrics.CLAIM_TIME.time()
def claim(mid: int, *, probing: bool = False) -> Batch[Row] | None:
    """Return due rows of a unit, leased to this worker and committed, or None. After a restore of
    the database unsubscribes alone, until a user releases the hold. With `probing`, one
    row even while the queue is held or paused. A transaction of its own.

    Where the rows cannot be examined because of an error, they are examined one by one: those that
    raise it are postponed. Raises OperationalError or InterfaceError where the database does not
    answer.
    """
    try:
        return _claim(mid, probing=probing, together=True)
    except (OperationalError, InterfaceError):
        raise
    except Exception as err:  # noqa: BLE001 - one row must not stop the others
        log.error("claim_raised", mid=mid, **isolation.facts_of(err))  # noqa: TRY400 - no text of it
        return _claim(mid, probing=probing, together=False)


def _claim(mid: int, *, probing: bool, together: bool) -> Batch[Row] | None:
    lease = uuid4()
    with transaction.atomic(durable=True):
        permit = circuit.permit(mid, probing=probing)
        if not permit.limit:
            return None
        stopped = circuit.stopped_types(mid)
        for message_type in _message_types():
            limit = circuit.limit_of_type(mid, message_type, permit, stopped)
            if rows := _lease_rows(mid, message_type, limit, lease, stopped, together=together):
                break
            if limit and message_type in stopped:
                circuit.close_type_when_idle(mid, message_type)
        else:
            return None
        _write_attempts(rows, lease)
    return Batch(
        mid=mid,
        lease=lease,
        all_subscribers_list_id=permit.all_subscribers_list_id,
        rows=rows,
        message_type=message_type,
        full=(len(rows) == permit.limit and permit.limit > 1)
        or settings.SFMC_BATCH_SIZE == 1
        or _method(rows[0]) not in ("", CallMethod.EVENT)
        or rows[0].outcome == Outcome.INTERNAL_ERROR,
    )


def _message_types() -> Iterator[MessageType]:
    """Yield the message types that may be sent now, in order of priority."""
    yield MessageType.UNSUBSCRIBES
    if not restoring.is_holding():
        yield MessageType.CHANGES
        yield MessageType.MAILS


def _lease_rows(
    mid: int,
    message_type: MessageType,
    limit: int,
    lease: UUID,
    stopped: Mapping[MessageType, bool],
    *,
    together: bool,
) -> tuple[Row, ...]:
    """Lease due rows of one message type, at most `limit`. Return them."""
    if not limit:
        return ()
    if message_type is MessageType.MAILS:
        emails = LinkEmail.objects.filter(
            unit_id=mid, status=EmailStatus.PENDING, next_attempt_at__lte=Now()
        )
        examine = link_emails.still_needed if together else _one_by_one(LinkEmail)
        ids = _still_needed(emails, limit, examine)
        return _lease(emails, _of_one_message(emails, ids), lease)
    due = SubscriberRequest.objects.filter(
        unit_id=mid, status=Status.PENDING, next_attempt_at__lte=Now(), kind__in=message_type.kinds
    )
    if message_type is not MessageType.UNSUBSCRIBES:
        # Redundant, but PostgreSQL needs it to use the partial index that excludes unsubscribes.
        due = address_rules.told_first(due.exclude(kind=Kind.UNSUBSCRIBE))
    elif stopped.get(MessageType.CHANGES) is False:
        # An unsubscribe without an event is an Update, and needs the rights of one.
        due = due.exclude(call_method=CallMethod.UPDATE)
    examine = precedence.claimable if together else _one_by_one(SubscriberRequest)
    return _lease(due, _of_one_message(due, _lock_claimable(due, limit, examine)), lease)


def _one_by_one(model: type[Row]) -> Examine:
    """Return a function that examines rows each in a savepoint of its own. It returns the id of the
    first that may be sent, and postpones those whose examination raises an error."""
    examine = link_emails.still_needed if model is LinkEmail else precedence.claimable

    def first(ids: list[int]) -> list[int]:
        for pk in ids:
            try:
                with transaction.atomic():
                    if found := examine([pk]):
                        return found
            except (OperationalError, InterfaceError):
                raise
            except Exception as err:  # noqa: BLE001 - one row must not stop the others
                log.error("claim_raised", rows=[pk], **isolation.facts_of(err))  # noqa: TRY400 - no text of it
                model.objects.filter(pk=pk).update(
                    outcome=Outcome.INTERNAL_ERROR, next_attempt_at=Now() + POSTPONED
                )
        return []

    return first


def _of_one_message(due: QuerySet[_Row], ids: list[int]) -> list[int]:
    """Return those of the rows `ids` that are sent together with the first: the ordinary ones, or
    one that is sent alone, as fallbacks are, and rows whose message raised an error (`isolation`).
    The others are left for the next claim."""
    if len(ids) < 2:
        return ids
    is_alone = Q(outcome=Outcome.INTERNAL_ERROR)
    if due.model is SubscriberRequest:
        is_alone |= ~Q(call_method=CallMethod.EVENT)
    alone = set(due.model.objects.filter(is_alone, pk__in=ids).values_list("pk", flat=True))
    return ids[:1] if ids[0] in alone else [pk for pk in ids if pk not in alone]


def _lease(due: QuerySet[_Row], ids: list[int], lease: UUID) -> tuple[_Row, ...]:
    """Lease those of the rows `ids` that are still due. Return them."""
    if not ids:
        return ()
    due.filter(pk__in=ids).update(
        status=Status.SENDING,
        lease=lease,
        lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS),
        attempts=F("attempts") + 1,
    )
    # Filter by the status too: there is no index on `lease` alone.
    leased = due.model.objects.filter(pk__in=ids, lease=lease, status=Status.SENDING)
    return tuple(leased.order_by("pk"))


def _still_needed(due: QuerySet[LinkEmail], limit: int, examine: Examine) -> list[int]:
    """Return the ids of due emails that are to be sent now, locked. Cancels emails that are no
    longer needed."""
    while True:
        rows = precedence.lock_skipping(due).order_by("next_attempt_at", "pk")
        found = list(rows.values_list("pk", flat=True)[:limit])
        if not found or (ids := examine(found)):
            return ids if found else []


def _lock_claimable(due: QuerySet[SubscriberRequest], limit: int, examine: Examine) -> list[int]:
    """Return the ids of due rows that are to be sent now, locked. PostgreSQL skips rows that others
    hold; SQLite has one writer at a time, so the condition on the status is enough there."""
    seen: set[int] = set()
    while True:
        found = list(
            precedence.lock_skipping(precedence.ready(due.exclude(pk__in=seen)))
            .order_by("next_attempt_at", "pk")
            .values_list("pk", flat=True)[:limit]
        )
        if not found or (ids := examine(found)):
            return ids if found else []
        # All of these were superseded, or wait for another worker: look at the rows after them.
        seen.update(found)


def _write_attempts(rows: tuple[Row, ...], lease: UUID) -> None:
    """Insert the attempts before the call, so that a worker that dies during the call leaves a
    record."""
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            request=row if isinstance(row, SubscriberRequest) else None,
            link_email=row if isinstance(row, LinkEmail) else None,
            number=row.attempts,
            lease=lease,
            batch_size=len(rows),
            call_method=_method(row),
        )
        for row in rows
    )


def _method(row: Row) -> str:
    """Return how an unsubscribe is sent; "" for other rows."""
    if isinstance(row, SubscriberRequest) and row.kind == Kind.UNSUBSCRIBE:
        return row.call_method
    return ""
