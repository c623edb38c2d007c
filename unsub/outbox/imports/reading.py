"""The chunks of an import's file, and what is stored with each: the position behind it, the numbers
and the problems.

A worker has a lease. Whatever it stores is stored only while the lease is its own and the import
has the status that it began with, so a second worker, a cancel or a new choice of columns ends it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from unsub.domain.context import Scope
from unsub.links.csv_lines import Line, rows_of
from unsub.models import Channel, ImportPart, ImportProblem, ImportStatus, UnsubscribeImport
from unsub.models.unsubscribe_import import ENDED
from unsub.outbox import erased
from unsub.outbox.submission import Submission

from . import files
from .rows import Field, ImportedRow, Layout, Problem, RowError, read_row

log = structlog.get_logger(__name__)

CHUNK = 100  # rows in one transaction
LEASE = timedelta(seconds=60)
COUNTS = ("line", "offset", "rows", "accepted", "repeated", "erased", "refused")


@dataclass(slots=True, kw_only=True)
class Chunk:
    """Rows that were read and not yet counted or written, and how far the file is read with them:
    `lines` has the last line of each."""

    lines: list[Line] = field(default_factory=list)
    rows: list[ImportedRow] = field(default_factory=list)
    problems: list[tuple[int, RowError]] = field(default_factory=list)

    def copy(self) -> "Chunk":
        """Return the same chunk, from which rows can be refused without changing this one."""
        return Chunk(lines=self.lines, rows=list(self.rows), problems=list(self.problems))

    def refuse(self, row: ImportedRow, problem: Problem, of: Field | None = None) -> None:
        """Make a problem of a row."""
        self.rows.remove(row)
        self.problems.append((row.line, RowError(problem, of)))

    @property
    def erased(self) -> int:
        """How many rows were refused because their subscriber was erased."""
        return sum(err.problem is Problem.ERASED for _, err in self.problems)


class ImportRun:
    """One worker's work at an import: it has the `lease`, and reads on from the import's position
    until `is_stopping` says so."""

    def __init__(
        self, job: UnsubscribeImport, lease: UUID, is_stopping: Callable[[], bool]
    ) -> None:
        self.job = job
        self.is_stopping = is_stopping
        self._lease = lease
        self._status = job.status

    def _mine(self) -> QuerySet[UnsubscribeImport]:
        """Return the import; nothing where it was cancelled or changed, or another process has the
        lease."""
        return UnsubscribeImport.objects.filter(
            pk=self.job.pk, lease=self._lease, status=self._status
        )

    def lock(self) -> bool:
        """Lock the import until the transaction ends. Return whether it is still this worker's."""
        return self._mine().select_for_update(of=("self",), no_key=True).exists()

    def extend(self) -> bool:
        """Keep the lease for longer. Return whether the import is still this worker's."""
        return bool(self._mine().update(lease_until=Now() + LEASE))

    def begin_anew(self) -> None:
        """Forget position, numbers and problems."""
        ImportProblem.objects.filter(of=self.job).delete()
        for name in COUNTS:
            setattr(self.job, name, 0)

    def counts(self) -> dict[str, int]:
        """Return position and numbers."""
        return {name: getattr(self.job, name) for name in COUNTS}

    def restore(self, counts: Mapping[str, int]) -> None:
        """Return to an earlier position and its numbers, after a transaction that failed."""
        for name, number in counts.items():
            setattr(self.job, name, number)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows behind the import's position, CHUNK at a time."""
        job, layout = self.job, self._layout()
        lines = files.data_lines(
            files.opened(job), job.encoding, job.mark, job.delimiter, number=job.line, at=job.offset
        )
        rows = rows_of(lines, job.delimiter)
        if job.has_header and not job.line:
            next(rows, None)
        while some := list(islice(rows, CHUNK)):
            # A row of several lines ends with the last of them.
            chunk = Chunk(lines=[each[-1] for each in some])
            for line, *more in some:
                if more:
                    chunk.problems.append((line.number, RowError(Problem.LINE_BREAK)))
                    continue
                try:
                    chunk.rows.append(read_row(line, layout))
                except RowError as err:
                    chunk.problems.append((line.number, err))
            yield chunk

    def _layout(self) -> Layout:
        """Return how the rows are read."""
        job, unit = self.job, self.job.unit
        first = files.head(files.opened(job), job.encoding, job.mark, job.delimiter, most=1)
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

    def submission(self, row: ImportedRow, reasons: Mapping[str, str]) -> Submission:
        """Return the submission of a row. A reason that the unit offers (`reasons` has its code by
        what a file may say) is that reason; any other text is the subscriber's own words."""
        code = reasons.get(row.reason.lower(), "")
        return Submission(
            token="", context=row.context, channel=Channel.IMPORT, reason=code,
            words="" if code else row.reason, received_at=row.made_at or self.job.default_time,
        )  # fmt: skip

    def refuse_erased(self, chunk: Chunk) -> None:
        """Make problems of the rows of erased subscribers: an import never brings anybody back.
        What one requested since the erasure counts."""
        mid = self.job.unit_id
        people = {
            str(row.line): erased.digests_of(mid, row.context.subscriber) for row in chunk.rows
        }
        gone = erased.which(mid, people)
        for row in [row for row in chunk.rows if str(row.line) in gone]:
            who = row.context.subscriber
            if row.made_at is None or erased.erased_since(mid, who, row.made_at):
                chunk.refuse(row, Problem.ERASED)

    def record(self, chunk: Chunk, *, accepted: int, repeated: int) -> bool:
        """Store the position behind a chunk, the numbers with it, and its problems; the lease is
        kept for longer. Return whether the import is still this worker's."""
        job, last = self.job, chunk.lines[-1]
        job.line, job.offset = last.number, last.ends_at
        job.rows += len(chunk.lines)
        job.refused += len(chunk.problems)
        job.erased += chunk.erased
        job.accepted += accepted
        job.repeated += repeated
        with transaction.atomic():
            if not self._mine().update(**self.counts(), lease_until=Now() + LEASE):
                return False
            ImportProblem.objects.bulk_create(self._problems(chunk))
        return True

    def _problems(self, chunk: Chunk) -> Iterator[ImportProblem]:
        for line, err in chunk.problems:
            of = err.field.value if err.field else ""
            yield ImportProblem(of=self.job, line=line, problem=err.problem.value, field=of)

    def finish(self, status: ImportStatus) -> None:
        """Store that all rows were read. The file of an import that is done is deleted."""
        job, is_done = self.job, status in ENDED
        with transaction.atomic():
            if not self._mine().update(
                status=status, **({"finished_at": Now()} if is_done else {})
            ):
                return
            if is_done:
                ImportPart.objects.filter(of=job).delete()
        numbers = {name: of for name, of in self.counts().items() if name not in {"line", "offset"}}
        if is_done:
            log.info("import_finished", mid=job.unit_id, number=job.pk, **numbers)
        else:
            log.info("import_checked", mid=job.unit_id, number=job.pk, **numbers)
