"""Seals requests that have ended and attempts that are finished, in batches, in the background.

No column or index of the tables is written for it: a cursor for each source says how far it is
sealed. Requests end in the order of time, so each unit has a cursor of time and id
(`request_ended`). Imported events are stored with a time in the past, and attempts have no index by
time: their cursors are ids.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Max, Min, Q
from django.db.models.functions import Now

from unsub.infra.inserts import insert_unless_present
from unsub.models import (
    AuditSeal,
    DeliveryAttempt,
    ExportPlan,
    SealCursor,
    SealedTable,
    SubscriberRequest,
)
from unsub.models.request import IMPORTED_EVENT

from . import rows as sealed_rows
from . import seals

log = structlog.get_logger(__name__)

CHUNK = 5000  # rows in one seal, and in one transaction
# A statement takes at most 15 seconds: what ended longer ago is committed, or its transaction is
# among those that `settled_until` waits for.
LAG = timedelta(seconds=60)
ATTEMPTS, IMPORTS, RUN = "attempts", "imports", "run"


class ChainBrokenError(Exception):
    """The last seal is not as it was made: nothing is added to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The rows of the next seal, and how far its source is sealed then."""

    table: SealedTable
    ids: list[int]
    final: list[bytes]
    personal: list[bytes]
    first_id: int
    last_id: int
    cursor: dict[str, Any]


def seal(*, chunks: int | None = None, report: Callable[[int], None] = lambda _done: None) -> int:
    """Seal what has ended since the last run. Return the number of rows. At most `chunks` seals;
    the next run continues. Each is a transaction of its own, which locks the row of the run."""
    done = 0
    try:
        for source in _sources():
            while chunks is None or chunks > 0:
                number = _seal_next(source)
                done += number
                report(done)
                chunks = chunks if chunks is None else chunks - 1
                if number < CHUNK:
                    break
    except ChainBrokenError as err:
        log.error("audit_sealing_stopped", seal=str(err))  # noqa: TRY400 - no traceback
        return done
    if chunks is None or chunks > 0:
        SealCursor.objects.filter(source=RUN).update(upto_at=Now())
    return done


def _sources() -> Iterator[str]:
    """Yield what is sealed on its own: each unit of which a request has ended, also one that does
    not exist here; the imported events; the attempts."""
    insert_unless_present(SealCursor(source=RUN))
    yield from (ATTEMPTS, IMPORTS)
    ended = SubscriberRequest.objects.filter(finished_at__isnull=False).order_by("unit_id")
    units = ended.values_list("unit_id", flat=True)
    mid = units.first()
    while mid is not None:
        yield str(mid)
        # One look into the index for each unit: DISTINCT would read all requests.
        mid = units.filter(unit_id__gt=mid).first()


def _seal_next(source: str) -> int:
    """Add a seal of the next rows of a source. Return how many; 0 where there is none. Raises
    ChainBrokenError."""
    insert_unless_present(SealCursor(source=source))
    with transaction.atomic(durable=True):
        # One at a time: a seal needs the digest of the one before it.
        SealCursor.objects.select_for_update(no_key=True).get(source=RUN)
        cursor = SealCursor.objects.get(source=source)
        now, until = settled_until()
        batch = _READERS.get(source, _ended)(cursor, until)
        if batch.ids:
            _append(batch, now)
        SealCursor.objects.filter(source=source).update(**batch.cursor)
    return len(batch.ids)


def _append(batch: _Batch, now: datetime) -> None:
    """Insert the seal of a batch. Raises ChainBrokenError."""
    last = AuditSeal.objects.order_by("-number").first()
    if last is not None and not _is_intact(last):
        raise ChainBrokenError(last.number)
    made = AuditSeal(
        number=last.number + 1 if last else 1, previous=last.digest if last else "",
        table=batch.table.value, rows=len(batch.ids),
        first_id=batch.first_id, last_id=batch.last_id,
        ids=sealed_rows.pack_ids(batch.ids),
        final=b"".join(batch.final), personal=b"".join(batch.personal),
        key=seals.current_key(), sealed_at=now,
    )  # fmt: skip
    made.digest = seals.digest(made)
    made.save(force_insert=True)
    # The log is a place apart from the database.
    log.info("audit_sealed", seal=made.number, rows=made.rows, digest=made.digest)


def _is_intact(last: AuditSeal) -> bool:
    try:
        return seals.digest(last) == last.digest
    except seals.UnknownKeyError:
        return False


def settled_until() -> tuple[datetime, datetime]:
    """Return the database's time, and the time up to which no transaction can commit a row that
    ended before it."""
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')")
            now = datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        return now, now - LAG
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement_timestamp(), LEAST(statement_timestamp() - %s::interval,"
            " (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
            # Its ANALYZE has a transaction's id for a moment, and ends no request.
            " AND backend_type IS DISTINCT FROM 'autovacuum worker'))",
            [str(LAG)],
        )
        now, until = cursor.fetchone()
    return now, until


def _ended(cursor: SealCursor, until: datetime) -> _Batch:
    """Return the next requests of a unit that have ended, imported events aside."""
    ended = SubscriberRequest.objects.filter(unit_id=int(cursor.source), finished_at__lte=until)
    ended = ended.exclude(IMPORTED_EVENT)
    if cursor.upto_at is not None:
        after = Q(finished_at__gt=cursor.upto_at) | Q(pk__gt=cursor.upto_id)
        ended = ended.filter(after, finished_at__gte=cursor.upto_at)
    chunk = ended.order_by("finished_at", "pk")[:CHUNK]
    # The last of them by time is found first: the seal has them by id.
    last = list(chunk.values_list("finished_at", "pk"))
    if not last:
        return _requests([], {})
    at, pk = last[-1]
    ids = sorted(one for _, one in last)
    return _requests(ids, {"upto_at": at, "upto_id": pk})


def _imports(cursor: SealCursor, until: datetime) -> _Batch:
    """Return the next imported events."""
    upto, seen = safe_id(cursor, until, SubscriberRequest)
    events = SubscriberRequest.objects.filter(IMPORTED_EVENT, pk__gt=cursor.upto_id, pk__lte=upto)
    ids = list(events.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return _requests(ids, _moved(cursor, ids, upto, seen))


def _requests(ids: list[int], cursor: dict[str, Any]) -> _Batch:
    """Return the batch of these requests, without those that were opened again a moment ago."""
    own = sealed_rows.with_ids(ids)
    still = own.filter(finished_at__isnull=False)
    found, final = sealed_rows.digests_of(sealed_rows.final_of_requests(still))
    personal = sealed_rows.personal_digests_of(sealed_rows.personal_of_requests(own))
    return _Batch(
        table=SealedTable.REQUESTS, ids=found, final=final,
        personal=[personal[pk] or bytes(sealed_rows.DIGEST_BYTES) for pk in found],
        first_id=found[0] if found else 0, last_id=found[-1] if found else 0, cursor=cursor,
    )  # fmt: skip


def _attempts(cursor: SealCursor, until: datetime) -> _Batch:
    """Return the next attempts, up to the first that is not finished."""
    upto, seen = safe_id(cursor, until, DeliveryAttempt)
    later = DeliveryAttempt.objects.filter(pk__gt=cursor.upto_id, pk__lte=upto)
    unfinished = later.filter(finished_at=None).aggregate(first=Min("pk"))["first"]
    if unfinished is not None:
        later, upto = later.filter(pk__lt=unfinished), unfinished - 1
    ids, final = sealed_rows.digests_of(sealed_rows.final_of_attempts(later.order_by("pk"))[:CHUNK])
    moved = _moved(cursor, ids, upto, seen)
    return _Batch(
        table=SealedTable.ATTEMPTS, ids=ids, final=final, personal=[],
        first_id=cursor.upto_id + 1, last_id=moved["upto_id"], cursor=moved,
    )  # fmt: skip


_READERS: dict[str, Callable[[SealCursor, datetime], _Batch]] = {
    ATTEMPTS: _attempts,
    IMPORTS: _imports,
}


def _moved(cursor: SealCursor, ids: list[int], upto: int, seen: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a cursor of ids after these rows. Where there may be more of them, the
    highest id that was seen stays as it is."""
    if len(ids) == CHUNK:
        return {"upto_id": ids[-1]}
    return {"upto_id": max(upto, cursor.upto_id)} | seen


def safe_id(
    cursor: SealCursor | ExportPlan,
    until: datetime,
    model: type[SubscriberRequest | DeliveryAttempt],
) -> tuple[int, dict[str, Any]]:
    """Return the id up to which no row can appear any more, and the columns of the cursor that
    tell the next run: the highest id that was seen before `until`."""
    highest = model.objects.aggregate(highest=Max("pk"))["highest"] or 0
    if cursor.seen_at is None:
        return 0, {"seen_at": Now(), "seen_id": highest}
    if cursor.seen_at > until:
        return 0, {}
    return cursor.seen_id, {"seen_at": Now(), "seen_id": highest}
