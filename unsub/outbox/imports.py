"""Imports of unsubscribes that were made elsewhere, from CSV files: received, checked, then written
as requests in the background.

Each row becomes a request of the channel `import`, and is sent like any other. A chunk of rows, the
position in the file and the numbers are written in one transaction: a worker that is killed loses
nothing, and no row is written twice. A lease lets one worker at a time read a file.
"""

import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import IO, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import redis
import structlog
from celery import current_app
from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from kombu.exceptions import KombuError

from unsub.domain.context import Scope
from unsub.infra import digests, metrics
from unsub.links.csv_lines import Line
from unsub.models import (
    BusinessUnit,
    Channel,
    ImportPart,
    ImportProblem,
    ImportStatus,
    Reason,
    Status,
    SubscriberRequest,
    UnsubscribeImport,
)
from unsub.models.unsubscribe_import import ACTIVE, ENDED

from . import erased, identity, import_files, store, wakeup
from .erasure import lock_unit
from .import_files import FileError, Guess
from .import_rows import WHO, Field, ImportedRow, Layout, Problem, RowError, read_row
from .submission import Submission

log = structlog.get_logger(__name__)

CHUNK = 100  # rows in one transaction
LEASE = timedelta(seconds=60)
AT_ONCE = 4  # imports that workers read at a time, of all units
# While so many requests of the unit are pending, no more are written: those that recipients make
# meanwhile need not wait behind the whole file.
PENDING_MAX = 1000
_WAIT = 1.0  # seconds, until that is looked at again
_WAITS = 60
KEPT_FOR = timedelta(days=7)  # a file that nobody imports
PROBLEMS_KEPT_FOR = timedelta(days=90)
TASK = "unsub.tasks.run_import"
_COUNTS = ("line", "offset", "rows", "accepted", "repeated", "erased", "refused")


class ChoiceError(ValueError):
    """The file cannot be read with these columns. `problem` is `no_subscriber` where none of them
    names a subscriber, `twice` where two fields are the same column, `no_column` where the file
    has no such column."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(slots=True, kw_only=True)
class _Read:
    """Rows that were read and not yet written, and how far the file is read with them."""

    lines: list[Line] = field(default_factory=list)
    rows: list[ImportedRow] = field(default_factory=list)
    problems: list[tuple[int, RowError]] = field(default_factory=list)


def receive(unit: BusinessUnit, file: IO[bytes], *, user_id: int | None) -> UnsubscribeImport:
    """Store a file for a unit, sealed, with a guess how it is to be read. Raises FileError."""
    guess, size, sha256 = import_files.examine(file)
    with transaction.atomic():
        job = UnsubscribeImport.objects.create(
            unit=unit,
            created_by_id=user_id,
            content_digest=digests.file_digests(unit.mid, sha256)[0],
            size=size,
            **_columns_of(guess),
        )
        import_files.store(job, file)
    log.info("import_received", mid=unit.mid, number=job.pk, size=size, user=user_id)
    job.refresh_from_db()
    return job


def _columns_of(guess: Guess) -> dict[str, Any]:
    return {
        "encoding": guess.encoding, "mark": guess.mark, "delimiter": guess.delimiter,
        "has_header": guess.has_header,
        "columns": {of.value: at for of, at in guess.columns.items()},
    }  # fmt: skip


def same_file(job: UnsubscribeImport) -> UnsubscribeImport | None:
    """Return the first import of the same file in the same unit that was started, or None."""
    others = UnsubscribeImport.objects.filter(
        unit_id=job.unit_id, content_digest=job.content_digest
    ).exclude(pk=job.pk)
    return others.exclude(default_time=None).order_by("default_time").first()


def check(
    job: UnsubscribeImport,
    *,
    encoding: str,
    delimiter: str,
    has_header: bool,
    columns: Mapping[Field, int],
    scope: Scope,
) -> None:
    """Let a worker read all rows in this way and count them, without a request. Does nothing for an
    import that has begun or ended. Raises ChoiceError."""
    if not set(WHO) & set(columns):
        raise ChoiceError("no_subscriber")
    if len(set(columns.values())) != len(columns):
        raise ChoiceError("twice")
    mark = job.mark if encoding == job.encoding else 0
    first = import_files.head(import_files.opened(job), encoding, mark, delimiter, most=1)
    if not first or max(columns.values()) >= len(first[0][1]):
        raise ChoiceError("no_column")
    _move(
        job, (ImportStatus.UPLOADED, ImportStatus.CHECKED, ImportStatus.CHECKING),
        status=ImportStatus.CHECKING, encoding=encoding, mark=mark, delimiter=delimiter,
        has_header=has_header, columns={of.value: at for of, at in columns.items()}, scope=scope,
    )  # fmt: skip


def start(job: UnsubscribeImport, *, user_id: int | None) -> None:
    """Let a worker write the rows of a checked file as requests. Does nothing for any other."""
    earlier = same_file(job)
    _move(
        job, (ImportStatus.CHECKED,), status=ImportStatus.IMPORTING,
        # The rows of a file that is uploaded again are the same requests, not new ones.
        default_time=earlier.default_time if earlier else Now(),
        started_at=Now(), started_by_id=user_id,
    )  # fmt: skip


def _move(job: UnsubscribeImport, before: Sequence[ImportStatus], **changes: Any) -> None:
    """Change an import that has one of these statuses; it is read from its beginning then, by a
    worker that is told so."""
    with transaction.atomic():
        mine = UnsubscribeImport.objects.filter(pk=job.pk, status__in=before)
        fresh = dict.fromkeys(_COUNTS, 0) | {"lease": None, "lease_until": None}
        if mine.update(**fresh, **changes):
            ImportProblem.objects.filter(of=job).delete()
            transaction.on_commit(lambda: _wake(job.pk), robust=True)
    job.refresh_from_db()


def cancel(job: UnsubscribeImport) -> bool:
    """End an import and delete its file; requests that were written stay. Return whether it was
    still open."""
    with transaction.atomic():
        mine = UnsubscribeImport.objects.exclude(status__in=ENDED).filter(pk=job.pk)
        ended = mine.update(
            status=ImportStatus.CANCELLED, finished_at=Now(), lease=None, lease_until=None
        )
        if ended:
            ImportPart.objects.filter(of=job).delete()
    job.refresh_from_db()
    return bool(ended)


def _wake(pk: int) -> None:
    """Tell a worker at once. Where the broker does not answer, beat does within half a minute."""
    try:
        current_app.send_task(TASK, (pk,), expires=60)
    except (redis.RedisError, KombuError, OSError) as err:
        log.info("import_wakeup_failed", number=pk, error=type(err).__name__)


def due() -> list[int]:
    """Return the imports for which a worker has something to do, and none is at it: at most as many
    as may run beside those that are running; first those that waited longest."""
    active = UnsubscribeImport.objects.filter(status__in=ACTIVE)
    running = active.filter(lease_until__gt=Now()).count()
    waiting = active.exclude(lease_until__gt=Now()).order_by(
        F("lease_until").asc(nulls_first=True), "pk"
    )
    return list(waiting.values_list("pk", flat=True)[: max(AT_ONCE - running, 0)])


def run(pk: int, *, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Check or write an import until it is done, `is_stopping` says so, or the unit's queue stays
    full. Returns at once where another process is at it. Raises DatabaseError; the next run
    continues where this one ended."""
    lease = uuid4()
    free = UnsubscribeImport.objects.filter(pk=pk, status__in=ACTIVE)
    free = free.exclude(lease_until__gt=Now())
    if not free.update(lease=lease, lease_until=Now() + LEASE):
        return
    mine = UnsubscribeImport.objects.filter(pk=pk, lease=lease)
    try:
        job = mine.select_related("unit").first()
        if job is None:
            return
        if job.status == ImportStatus.CHECKING:
            _check(job, lease, is_stopping)
        else:
            _import(job, lease, is_stopping)
    finally:
        mine.update(lease=None, lease_until=Now())


def _locked(job: UnsubscribeImport, lease: UUID, status: ImportStatus) -> UnsubscribeImport | None:
    """Return the import, locked; None where it was cancelled or changed, or another process has the
    lease."""
    mine = UnsubscribeImport.objects.select_for_update(of=("self",), no_key=True)
    return mine.filter(pk=job.pk, lease=lease, status=status).first()


def layout_of(job: UnsubscribeImport) -> Layout:
    """Return how the rows of an import are read."""
    unit = job.unit
    first = import_files.head(
        import_files.opened(job), job.encoding, job.mark, job.delimiter, most=1
    )
    cells = first[0][1] if first else ()
    while cells and not cells[-1]:
        cells = cells[:-1]
    columns = {Field(name): at for name, at in job.columns.items()}
    return Layout(
        encoding=job.encoding, delimiter=job.delimiter, columns=columns,
        width=max([len(cells), *(at + 1 for at in columns.values())]),
        header=cells if job.has_header else (), scope=Scope(job.scope), mid=unit.mid,
        knows_by_address=not unit.subscriber_key_permission,
        zone=ZoneInfo(unit.time_zone), now=job.default_time or timezone.now(),
    )  # fmt: skip


def _chunks(job: UnsubscribeImport, layout: Layout) -> Iterator[_Read]:
    """Yield the rows behind the position of an import, in chunks."""
    lines = import_files.data_lines(
        import_files.opened(job),
        job.encoding,
        job.mark,
        job.delimiter,
        number=job.line,
        at=job.offset,
    )
    if job.has_header and not job.line:
        next(lines, None)
    while some := list(islice(lines, CHUNK)):
        read = _Read(lines=some)
        for line in some:
            try:
                read.rows.append(read_row(line, layout))
            except RowError as err:
                read.problems.append((line.number, err))
        yield read


def _check(job: UnsubscribeImport, lease: UUID, is_stopping: Callable[[], bool]) -> None:
    """Count the rows of a file, and record the problems. Begins anew where it was interrupted: it
    has to know the rows before."""
    ImportProblem.objects.filter(of=job).delete()
    for name in _COUNTS:
        setattr(job, name, 0)
    seen: dict[int, int] = {}
    for read in _chunks(job, layout_of(job)):
        if is_stopping():
            return
        _forget_conflicting(read, seen, job)
        counts = _known(job, read)
        _found_conflicts(job, read)
        if not _record(job, lease, ImportStatus.CHECKING, read, counts):
            return
        if job.rows > import_files.ROWS_MAX:
            log.info("import_too_long", mid=job.unit_id, number=job.pk)
            cancel(job)
            return
    _finish(job, lease, ImportStatus.CHECKING, ImportStatus.CHECKED)


def _forget_conflicting(read: _Read, seen: dict[int, int], job: UnsubscribeImport) -> None:
    """Count the rows that repeat an earlier row of the file; those that name the SubscriberID of an
    earlier row with another SubscriberKey are problems."""
    for row in list(read.rows):
        who, where = row.context.subscriber, row.context.job
        strongest = who.subscriber_id or who.subscriber_key or (who.email_address or "").lower()
        if who.subscriber_id and who.subscriber_key:
            key = hash(who.subscriber_key)
            if seen.setdefault(hash(("id", strongest)), key) != key:
                _refuse(read, row, Problem.OTHER_SUBSCRIBER, Field.SUBSCRIBER_KEY)
                continue
        same = hash((strongest, row.context.scope, where.job_id, where.list_id, where.batch_id))
        if same in seen:
            read.rows.remove(row)
            job.repeated += 1
        seen[same] = 0


def _refuse(read: _Read, row: ImportedRow, problem: Problem, of: Field | None = None) -> None:
    read.rows.remove(row)
    read.problems.append((row.line, RowError(problem, of)))


def _known(job: UnsubscribeImport, read: _Read) -> dict[str, int]:
    """Return how many of the rows would be new requests, and how many were requested before."""
    _refuse_erased(job, read)
    keys = [identity.idempotency_keys(_submission(job, row, {})) for row in read.rows]
    known = set(
        SubscriberRequest.objects.filter(
            idempotency_key__in=[one for each in keys for one in each]
        ).values_list("idempotency_key", flat=True)
    )
    repeated = sum(not known.isdisjoint(each) for each in keys)
    return {"accepted": len(keys) - repeated, "repeated": repeated}


def _found_conflicts(job: UnsubscribeImport, read: _Read) -> None:
    """Count the erased subscribers among the problems."""
    job.erased += sum(err.problem is Problem.ERASED for _, err in read.problems)


def _refuse_erased(job: UnsubscribeImport, read: _Read) -> None:
    """Make problems of the rows of erased subscribers: an import never brings anybody back. What
    one requested since the erasure counts."""
    mid = job.unit_id
    people = {str(row.line): erased.digests_of(mid, row.context.subscriber) for row in read.rows}
    gone = erased.which(mid, people)
    for row in [row for row in read.rows if str(row.line) in gone]:
        who = row.context.subscriber
        if row.made_at is None or erased.erased_since(mid, who, row.made_at):
            _refuse(read, row, Problem.ERASED)


def _import(job: UnsubscribeImport, lease: UUID, is_stopping: Callable[[], bool]) -> None:
    """Write the rows behind the position of an import as requests."""
    reasons = _reasons(job.unit_id)
    for read in _chunks(job, layout_of(job)):
        if is_stopping() or not _has_room(job, lease, is_stopping):
            return
        try:
            written = _write(job, lease, read, reasons, alone=False)
        except (DataError, IntegrityError):
            written = _write(job, lease, read, reasons, alone=True)
        if not written:
            return
    _finish(job, lease, ImportStatus.IMPORTING, ImportStatus.DONE)


def _has_room(job: UnsubscribeImport, lease: UUID, is_stopping: Callable[[], bool]) -> bool:
    """Return whether the unit's queue has room for more; waits for it for a minute."""
    pending = SubscriberRequest.objects.filter(unit_id=job.unit_id, status=Status.PENDING)
    for _ in range(_WAITS):
        if pending.order_by().values("pk")[:PENDING_MAX].count() < PENDING_MAX:
            return True
        if is_stopping() or not _extend(job, lease):
            return False
        clock.sleep(_WAIT)
    return False


def _extend(job: UnsubscribeImport, lease: UUID) -> bool:
    mine = UnsubscribeImport.objects.filter(pk=job.pk, lease=lease, status=job.status)
    return bool(mine.update(lease_until=Now() + LEASE))


def _write(
    job: UnsubscribeImport, lease: UUID, read: _Read, reasons: Mapping[str, str], *, alone: bool
) -> bool:
    """Write a chunk of rows, in one transaction with the position behind it. Return whether this
    process still has the lease. `alone`: each row behind a savepoint, so that one that the database
    refuses stops no other. Locks the import, then the business unit."""
    mine = _Read(lines=read.lines, rows=list(read.rows), problems=list(read.problems))
    before = {name: getattr(job, name) for name in _COUNTS}
    new = repeated = 0
    try:
        with transaction.atomic():
            if _locked(job, lease, ImportStatus.IMPORTING) is None:
                return False
            lock_unit(job.unit_id)
            _refuse_erased(job, mine)
            for row in list(mine.rows):
                is_new = _write_row(job, mine, row, reasons, alone=alone)
                new += is_new is True
                repeated += is_new is False
            _found_conflicts(job, mine)
            counts = {"accepted": new, "repeated": repeated}
            _record(job, lease, ImportStatus.IMPORTING, mine, counts)
            if new:
                wake = job.unit_id
                transaction.on_commit(lambda: wakeup.wake(wake), robust=True)
    except BaseException:
        for name, value in before.items():
            setattr(job, name, value)
        raise
    for is_repeated, number in (("false", new), ("true", repeated)):
        metrics.REQUESTS.labels(channel=Channel.IMPORT.value, repeated=is_repeated).inc(number)
    return True


def _write_row(
    job: UnsubscribeImport,
    read: _Read,
    row: ImportedRow,
    reasons: Mapping[str, str],
    *,
    alone: bool,
) -> bool | None:
    """Return whether the row is a new request; None where it became a problem."""
    submission = _submission(job, row, reasons)
    try:
        if alone:
            with transaction.atomic():
                found, is_new = store.write(submission)
        else:
            found, is_new = store.write(submission)
    except (DataError, IntegrityError):
        if not alone:
            raise
        _refuse(read, row, Problem.NOT_STORABLE)
        return None
    key = row.context.subscriber.subscriber_key
    if not is_new and key and found.subscriber_key and found.subscriber_key != key:
        _refuse(read, row, Problem.OTHER_SUBSCRIBER, Field.SUBSCRIBER_KEY)
        return None
    return is_new


def _submission(job: UnsubscribeImport, row: ImportedRow, reasons: Mapping[str, str]) -> Submission:
    """Return the submission of a row. A reason that the unit offers is that reason; any other text
    is the subscriber's own words."""
    code = reasons.get(row.reason.lower(), "")
    return Submission(
        token="",
        context=row.context,
        channel=Channel.IMPORT,
        reason=code,
        words="" if code else row.reason,
        received_at=row.made_at or job.default_time,
    )


def _reasons(mid: int) -> dict[str, str]:
    """Return the codes of the reasons that a unit offers, by their codes and labels."""
    found: dict[str, str] = {}
    for code, label in Reason.objects.offered_to(mid).values_list("code", "label"):
        found[str(label).lower()] = found[code.lower()] = code
    return found


def _record(
    job: UnsubscribeImport,
    lease: UUID,
    status: ImportStatus,
    read: _Read,
    counts: Mapping[str, int],
) -> bool:
    """Store the position, the numbers and the problems of a chunk. Return whether this process
    still has the lease."""
    last = read.lines[-1]
    job.line, job.offset = last.number, last.ends_at
    job.rows += len(read.lines)
    job.refused += len(read.problems)
    for name, number in counts.items():
        setattr(job, name, getattr(job, name) + number)
    with transaction.atomic():
        mine = UnsubscribeImport.objects.filter(pk=job.pk, lease=lease, status=status)
        values = {name: getattr(job, name) for name in _COUNTS}
        if not mine.update(**values, lease_until=Now() + LEASE):
            return False
        ImportProblem.objects.bulk_create(_problems(job, read.problems))
    return True


def _problems(
    job: UnsubscribeImport, found: Iterable[tuple[int, RowError]]
) -> Iterator[ImportProblem]:
    for line, err in found:
        yield ImportProblem(
            of=job, line=line, problem=err.problem.value, field=err.field.value if err.field else ""
        )


def _finish(job: UnsubscribeImport, lease: UUID, before: ImportStatus, after: ImportStatus) -> None:
    """Store that all rows were read. The file of an import that is done is deleted."""
    is_done = after in ENDED
    with transaction.atomic():
        mine = UnsubscribeImport.objects.filter(pk=job.pk, lease=lease, status=before)
        more = {"finished_at": Now()} if is_done else {}
        if not mine.update(status=after, **more):
            return
        if is_done:
            ImportPart.objects.filter(of=job).delete()
    numbers = {name: getattr(job, name) for name in _COUNTS if name not in {"line", "offset"}}
    if is_done:
        log.info("import_finished", mid=job.unit_id, number=job.pk, **numbers)
    else:
        log.info("import_checked", mid=job.unit_id, number=job.pk, **numbers)


def remove_old() -> int:
    """Cancel the imports that nobody has started for a week, whose files are deleted with that, and
    delete the problems of those that ended long ago. Return how many were cancelled."""
    waiting = Q(status__in=(ImportStatus.UPLOADED, ImportStatus.CHECKED, ImportStatus.CHECKING))
    old = UnsubscribeImport.objects.filter(waiting, created_at__lt=Now() - KEPT_FOR)
    number = sum(cancel(job) for job in old)
    at = Coalesce("of__finished_at", "of__created_at")
    ImportProblem.objects.alias(at=at).filter(at__lt=Now() - PROBLEMS_KEPT_FOR).delete()
    return number


__all__ = ["ChoiceError", "FileError", "cancel", "check", "due", "receive", "run", "start"]
