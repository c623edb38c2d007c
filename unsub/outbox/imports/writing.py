"""Write the rows of an import as requests.

A chunk of rows, the position in the file and the numbers are written in one transaction: a worker
that is killed loses nothing, and no row is written twice.
"""

import time
from collections.abc import Mapping

from django.db import DataError, IntegrityError, transaction

from unsub.infra import metrics
from unsub.models import Channel, ImportStatus, Reason, Status, SubscriberRequest
from unsub.outbox import store, wakeup
from unsub.outbox.erasure import lock_unit

from .reading import Chunk, ImportRun
from .rows import Field, ImportedRow, Problem

# While so many requests of the unit are pending, no more are written: those that recipients make
# meanwhile need not wait behind the whole file.
PENDING_MAX = 1000
_WAIT = 1.0  # seconds, until that is looked at again
_WAITS = 60


def write(run: ImportRun) -> None:
    """Write the rows behind the position of an import as requests."""
    reasons = _reasons(run.job.unit_id)
    for chunk in run.chunks():
        if run.is_stopping() or not _has_room(run):
            return
        try:
            written = _write_chunk(run, chunk, reasons, alone=False)
        except (DataError, IntegrityError):
            written = _write_chunk(run, chunk, reasons, alone=True)
        if not written:
            return
    run.finish(ImportStatus.DONE)


def _has_room(run: ImportRun) -> bool:
    """Return whether the unit's queue has room for more; waits for it for a minute."""
    pending = SubscriberRequest.objects.filter(unit_id=run.job.unit_id, status=Status.PENDING)
    for _ in range(_WAITS):
        if pending.order_by().values("pk")[:PENDING_MAX].count() < PENDING_MAX:
            return True
        if run.is_stopping() or not run.extend():
            return False
        time.sleep(_WAIT)
    return False


def _write_chunk(run: ImportRun, read: Chunk, reasons: Mapping[str, str], *, alone: bool) -> bool:
    """Write a chunk of rows, in one transaction with the position behind it. Return whether this
    process still has the lease. `alone`: each row behind a savepoint, so that one that the database
    refuses stops no other. Locks the import, then the business unit."""
    mid, chunk, before = run.job.unit_id, read.copy(), run.counts()
    new = repeated = 0
    try:
        with transaction.atomic():
            if not run.lock():
                return False
            lock_unit(mid)
            run.refuse_erased(chunk)
            for row in list(chunk.rows):
                is_new = _write_row(run, chunk, row, reasons, alone=alone)
                new += is_new is True
                repeated += is_new is False
            run.record(chunk, accepted=new, repeated=repeated)
            if new:
                transaction.on_commit(lambda: wakeup.wake(mid), robust=True)
    except BaseException:
        run.restore(before)
        raise
    for is_repeated, number in (("false", new), ("true", repeated)):
        metrics.REQUESTS.labels(channel=Channel.IMPORT.value, repeated=is_repeated).inc(number)
    return True


def _write_row(
    run: ImportRun, chunk: Chunk, row: ImportedRow, reasons: Mapping[str, str], *, alone: bool
) -> bool | None:
    """Return whether the row is a new request; None where it became a problem."""
    submission = run.submission(row, reasons)
    try:
        if alone:
            with transaction.atomic():
                found, is_new = store.write(submission)
        else:
            found, is_new = store.write(submission)
    except (DataError, IntegrityError):
        if not alone:
            raise
        chunk.refuse(row, Problem.NOT_STORABLE)
        return None
    key = row.context.subscriber.subscriber_key
    if not is_new and key and found.subscriber_key and found.subscriber_key != key:
        chunk.refuse(row, Problem.OTHER_SUBSCRIBER, Field.SUBSCRIBER_KEY)
        return None
    return is_new


def _reasons(mid: int) -> dict[str, str]:
    """Return the codes of the reasons that a unit offers, by their codes and labels."""
    found: dict[str, str] = {}
    for code, label in Reason.objects.offered_to(mid).values_list("code", "label"):
        found[str(label).lower()] = found[code.lower()] = code
    return found
