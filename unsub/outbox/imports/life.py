"""The life of an import: a file that was received, checked as its columns were chosen, started, and
done or cancelled. Whatever needs all its rows is done by a worker (running.py)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import IO, Any

import redis
import structlog
from celery import current_app
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from kombu.exceptions import KombuError

from unsub.domain.context import Scope
from unsub.infra import digests
from unsub.models import BusinessUnit, ImportPart, ImportProblem, ImportStatus, UnsubscribeImport
from unsub.models.unsubscribe_import import ACTIVE, ENDED

from . import files
from .files import Guess
from .reading import COUNTS
from .rows import WHO, Field

log = structlog.get_logger(__name__)

AT_ONCE = 4  # imports that workers read at a time, of all units
KEPT_FOR = timedelta(days=7)  # a file that nobody imports
PROBLEMS_KEPT_FOR = timedelta(days=90)
TASK = "unsub.tasks.run_import"


class ChoiceError(ValueError):
    """The file cannot be read with these columns. `problem` is `no_subscriber` where none of them
    names a subscriber, `twice` where two fields are the same column, `no_column` where the file
    has no such column."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def receive(unit: BusinessUnit, file: IO[bytes], *, user_id: int | None) -> UnsubscribeImport:
    """Store a file for a unit, sealed, with a guess how it is to be read. Raises FileError."""
    guess, size, sha256 = files.examine(file)
    current, *former = digests.file_digests(unit.mid, sha256)
    with transaction.atomic():
        if former:
            # Of the same file, uploaded before the digest key changed: it stays the same.
            of_unit = UnsubscribeImport.objects.filter(unit=unit)
            of_unit.filter(content_digest__in=former).update(content_digest=current)
        job = UnsubscribeImport.objects.create(
            unit=unit,
            created_by_id=user_id,
            content_digest=current,
            size=size,
            **_columns_of(guess),
        )
        files.store(job, file)
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
    mark = files.mark_of(files.opened(job), encoding)
    first = files.head(files.opened(job), encoding, mark, delimiter, most=1)
    if not first or max(columns.values()) >= len(first[0][1]):
        raise ChoiceError("no_column")
    _move(
        job, (ImportStatus.UPLOADED, ImportStatus.CHECKED, ImportStatus.CHECKING),
        status=ImportStatus.CHECKING, encoding=encoding, mark=mark, delimiter=delimiter,
        has_header=has_header, columns={of.value: at for of, at in columns.items()}, scope=scope,
    )  # fmt: skip


def start(job: UnsubscribeImport, *, user_id: int | None) -> bool:
    """Let a worker write the rows of a checked file as requests. Return whether this call did so:
    not for any other import, nor for a file whose key was removed."""
    if not files.is_readable(job):
        return False
    earlier = same_file(job)
    return _move(
        job, (ImportStatus.CHECKED,), status=ImportStatus.IMPORTING,
        # The rows of a file that is uploaded again are the same requests, not new ones.
        default_time=earlier.default_time if earlier else Now(),
        started_at=Now(), started_by_id=user_id,
    )  # fmt: skip


def _move(job: UnsubscribeImport, before: Sequence[ImportStatus], **changes: Any) -> bool:
    """Change an import that has one of these statuses; it is read from its beginning then, by a
    worker that is told so. Return whether it had one."""
    with transaction.atomic():
        mine = UnsubscribeImport.objects.filter(pk=job.pk, status__in=before)
        fresh = dict.fromkeys(COUNTS, 0) | {"lease": None, "lease_until": None}
        is_moved = bool(mine.update(**fresh, **changes))
        if is_moved:
            ImportProblem.objects.filter(of=job).delete()
            transaction.on_commit(lambda: _wake(job.pk), robust=True)
    job.refresh_from_db()
    return is_moved


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


def remove_old() -> int:
    """Cancel the imports that nobody has started for a week, whose files are deleted with that, and
    delete the problems of those that ended long ago. Return how many were cancelled."""
    waiting = Q(status__in=(ImportStatus.UPLOADED, ImportStatus.CHECKED, ImportStatus.CHECKING))
    old = UnsubscribeImport.objects.filter(waiting, created_at__lt=Now() - KEPT_FOR)
    number = sum(cancel(job) for job in old)
    at = Coalesce("of__finished_at", "of__created_at")
    ImportProblem.objects.alias(at=at).filter(at__lt=Now() - PROBLEMS_KEPT_FOR).delete()
    return number
