"""Claims the rows that a worker sends next: due rows of one unit and one message type, under a
lease."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from operator import attrgetter
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import BigIntegerField, DurationField, F, IntegerField, QuerySet, UUIDField
from django.db.models.functions import Now

from unsub.domain.call_method import CallMethod
from unsub.domain.outcomes import Outcome
from unsub.infra import metrics
from unsub.infra.queries import Given, OneOf, PreparedChange, PreparedModels, PreparedText
from unsub.models import (
    EmailStatus,
    Kind,
    LinkEmail,
    MessageType,
    Status,
    SubscriberRequest,
)
from unsub.models.request import RequestQuerySet
from unsub.outbox import address_rules, link_emails, precedence, restoring

from . import circuit, isolation
from .batch import Batch, Row

log = structlog.get_logger(__name__)

_Row = TypeVar("_Row", SubscriberRequest, LinkEmail)
# Returns those of the ids of locked rows that may be sent now.
Examine = Callable[[Sequence[int]], list[int]]
POSTPONED = timedelta(minutes=5)  # for a row that cannot be examined


@metrics.CLAIM_TIME.time()
def claim(
    mid: int, *, probing: bool = False, permit: circuit.SendPermit | None = None
) -> Batch[Row] | None:
    """Return due rows of a unit, leased to this worker and committed, or None. After a restore of
    the database unsubscribes alone, until a user releases the hold. With `probing`, one
    row even while the queue is held or paused. A transaction of its own. `permit` is what
    `circuit.permit` has just returned; without it, it is asked.

    Where the rows cannot be examined because of an error, they are examined one by one: those that
    raise it are postponed. Raises OperationalError or InterfaceError where the database does not
    answer.
    """
    try:
        return _claim(mid, permit or circuit.permit(mid, probing=probing), together=True)
    except (OperationalError, InterfaceError):
        raise
    except Exception as err:  # noqa: BLE001 - one row must not stop the others
        log.error("claim_raised", mid=mid, **isolation.facts_of(err))  # noqa: TRY400 - no text of it
        return _claim(mid, circuit.permit(mid, probing=probing), together=False)


def _claim(mid: int, permit: circuit.SendPermit, *, together: bool) -> Batch[Row] | None:
    if not permit.limit:
        return None
    lease = uuid4()
    with transaction.atomic(durable=True):
        for message_type in _message_types(has_topics=permit.has_topics):
            limit = circuit.limit_of_type(mid, message_type, permit)
            rows = _lock(mid, message_type, limit, permit.stopped, together=together)
            if rows := _of_one_message(rows):
                break
            if limit and message_type in permit.stopped:
                circuit.close_type_when_idle(mid, message_type)
        else:
            return None
        _lease(rows, lease)
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


def _message_types(*, has_topics: bool) -> Iterator[MessageType]:
    """Yield the message types that may be sent now, in order of priority. A unit without topics
    pays no query for them."""
    yield MessageType.UNSUBSCRIBES
    if not restoring.is_holding():
        yield MessageType.CHANGES
        if has_topics:
            yield MessageType.TOPICS
        yield MessageType.MAILS


def _lock(
    mid: int,
    message_type: MessageType,
    limit: int,
    stopped: Mapping[MessageType, bool],
    *,
    together: bool,
) -> Sequence[Row]:
    """Return due rows of one message type that may be sent now, locked, at most `limit`."""
    if not limit:
        return ()
    if message_type is MessageType.MAILS:
        emails = LinkEmail.objects.filter(
            unit_id=mid, status=EmailStatus.PENDING, next_attempt_at__lte=Now()
        )
        examine = link_emails.still_needed if together else _one_by_one(LinkEmail)
        return _read(LinkEmail, _still_needed(emails, limit, examine))
    due = _due(mid, message_type)
    examine = precedence.claimable if together else _one_by_one(SubscriberRequest)
    if message_type is not MessageType.UNSUBSCRIBES:
        # Redundant, but PostgreSQL needs it to use the partial index that excludes unsubscribes.
        due = address_rules.told_first(due.exclude(kind=Kind.UNSUBSCRIBE))
    elif stopped.get(MessageType.CHANGES) is False:
        # An unsubscribe without an event is an Update, and needs the rights of one.
        due = due.exclude(call_method=CallMethod.UPDATE)
    elif together:
        return _lock_unsubscribes(mid, limit)
    return _read(SubscriberRequest, _lock_claimable(due, limit, examine))


def _due(mid: int | Given, message_type: MessageType) -> RequestQuerySet:
    """Return the due requests of a unit that are sent in one type of message."""
    return SubscriberRequest.objects.filter(
        unit_id=mid, status=Status.PENDING, next_attempt_at__lte=Now(), kind__in=message_type.kinds
    )


@cache
def _next_unsubscribes(limit: int) -> PreparedModels[SubscriberRequest]:
    """Return the query for the next due unsubscribes that wait for none, locked."""
    due = partial(_due, Given("mid", IntegerField()), MessageType.UNSUBSCRIBES)
    return PreparedModels(
        SubscriberRequest,
        lambda: precedence.lock_skipping(precedence.ready(due())).order_by("next_attempt_at", "pk")[
            :limit
        ],
    )


def _lock_unsubscribes(mid: int, limit: int) -> Sequence[SubscriberRequest]:
    """Return due unsubscribes that may be sent now, locked: three statements, where nothing else is
    known of their subscribers."""
    found = {row.pk: row for row in _next_unsubscribes(limit).objects(mid=mid)}
    if not found:
        return ()
    if ids := precedence.claimable(found):
        return [found[pk] for pk in ids]
    # All of these were superseded, or wait for another worker: look at the rows after them.
    due = _due(mid, MessageType.UNSUBSCRIBES).exclude(pk__in=found)
    return _read(SubscriberRequest, _lock_claimable(due, limit, precedence.claimable))


def _read(model: type[_Row], ids: Sequence[int]) -> Sequence[_Row]:
    """Return locked rows in the order of their ids `ids`."""
    found = model.objects.in_bulk(ids) if ids else {}
    return [found[pk] for pk in ids]


def _one_by_one(model: type[Row]) -> Examine:
    """Return a function that examines rows each in a savepoint of its own. It returns the id of the
    first that may be sent, and postpones those whose examination raises an error."""
    examine = link_emails.still_needed if model is LinkEmail else precedence.claimable

    def first(ids: Sequence[int]) -> list[int]:
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


def _of_one_message(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return those of the rows that are sent together with the first, in the order of their ids:
    the ordinary ones, or one that is sent alone, as fallbacks are, and rows whose message raised an
    error (`isolation`). The others are left for the next claim."""
    if rows and _is_sent_alone(rows[0]):
        return (rows[0],)
    return tuple(sorted((row for row in rows if not _is_sent_alone(row)), key=attrgetter("pk")))


def _is_sent_alone(row: Row) -> bool:
    is_fallback = isinstance(row, SubscriberRequest) and row.call_method != CallMethod.EVENT
    return is_fallback or row.outcome == Outcome.INTERNAL_ERROR


def _leasing(model: type[Row]) -> PreparedChange:
    """Return the statement that leases locked rows."""
    return PreparedChange(
        lambda: (
            model.objects.filter(OneOf("pk", Given("ids", BigIntegerField(), many=True))),
            {
                "status": Status.SENDING,
                "lease": Given("lease", UUIDField()),
                "lease_until": Now() + Given("lifetime", DurationField()),
                "attempts": F("attempts") + 1,
            },
        )
    )


_LEASING: Mapping[type[Row], PreparedChange] = {
    model: _leasing(model) for model in (SubscriberRequest, LinkEmail)
}


def _lease(rows: tuple[Row, ...], lease: UUID) -> None:
    """Lease these rows, which are locked and due."""
    _LEASING[type(rows[0])].execute(
        ids=[row.pk for row in rows],
        lease=lease,
        lifetime=timedelta(seconds=settings.LEASE_SECONDS),
    )
    for row in rows:
        row.status, row.lease, row.attempts = Status.SENDING.value, lease, row.attempts + 1


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
    _ATTEMPTS[type(rows[0])].execute(
        ids=[row.pk for row in rows], lease=lease, batch_size=len(rows)
    )


def _attempts_of(table: str, column: str, call_method: str) -> PreparedText:
    """Return the statement that inserts the attempts of leased rows of a table."""

    def text(vendor: str) -> str:
        ids = "= ANY (%s)" if vendor == "postgresql" else "IN (SELECT value FROM json_each(%s))"
        return f"""
            INSERT INTO unsub_deliveryattempt (
                {column}, number, call_method, lease, batch_size,
                outcome, status_code, detail, sfmc_request_id
            )
            SELECT id, attempts, {call_method}, %s, %s, '', '', '', '' FROM {table} WHERE id {ids}
        """  # noqa: S608 - names of tables and columns

    return PreparedText(
        text,
        (
            Given("lease", UUIDField()),
            Given("batch_size", IntegerField()),
            Given("ids", BigIntegerField(), many=True),
        ),
    )


_BY_KIND = "CASE kind WHEN 'unsubscribe' THEN call_method ELSE '' END"
_ATTEMPTS: Mapping[type[Row], PreparedText] = {
    SubscriberRequest: _attempts_of("unsub_subscriberrequest", "request_id", _BY_KIND),
    LinkEmail: _attempts_of("unsub_linkemail", "link_email_id", "''"),
}


def _method(row: Row) -> str:
    """Return how an unsubscribe is sent; "" for other rows."""
    if isinstance(row, SubscriberRequest) and row.kind == Kind.UNSUBSCRIBE:
        return row.call_method
    return ""
