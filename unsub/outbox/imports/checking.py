"""Check an import: count what its rows would be, and find their problems, without a request."""

import structlog

from unsub.models import ImportStatus, SubscriberRequest
from unsub.outbox import identity

from . import files, life
from .reading import Chunk, ImportRun
from .rows import Field, Problem

log = structlog.get_logger(__name__)


def check(run: ImportRun) -> None:
    """Count the rows of a file, and record the problems. Begins anew where it was interrupted: it
    has to know the rows before."""
    job = run.job
    run.begin_anew()
    seen: dict[int, int] = {}
    for chunk in run.chunks():
        if run.is_stopping():
            return
        in_file = _repeated(chunk, seen)
        run.refuse_erased(chunk)
        known = _known(run, chunk)
        new = len(chunk.rows) - known
        if not run.record(chunk, accepted=new, repeated=in_file + known):
            return
        if job.rows > files.ROWS_MAX:
            log.info("import_too_long", mid=job.unit_id, number=job.pk)
            life.cancel(job)
            return
    run.finish(ImportStatus.CHECKED)


def _repeated(chunk: Chunk, seen: dict[int, int]) -> int:
    """Return how many rows repeat an earlier row of the file, and forget them. Those that name the
    SubscriberID of an earlier row with another SubscriberKey become problems. `seen` has what was
    in the file so far."""
    repeated = 0
    for row in list(chunk.rows):
        who, where = row.context.subscriber, row.context.job
        strongest = who.subscriber_id or who.subscriber_key or (who.email_address or "").lower()
        if who.subscriber_id and who.subscriber_key:
            key = hash(who.subscriber_key)
            if seen.setdefault(hash(("id", strongest)), key) != key:
                chunk.refuse(row, Problem.OTHER_SUBSCRIBER, Field.SUBSCRIBER_KEY)
                continue
        same = hash((strongest, row.context.scope, where.job_id, where.list_id, where.batch_id))
        if same in seen:
            chunk.rows.remove(row)
            repeated += 1
        seen[same] = 0
    return repeated


def _known(run: ImportRun, chunk: Chunk) -> int:
    """Return how many of the rows were requested before."""
    keys = [identity.idempotency_keys(run.submission(row, {})) for row in chunk.rows]
    known = set(
        SubscriberRequest.objects.filter(
            idempotency_key__in=[one for each in keys for one in each]
        ).values_list("idempotency_key", flat=True)
    )
    return sum(not known.isdisjoint(each) for each in keys)
