"""A worker's part of an import. A lease lets one worker at a time read a file."""

from collections.abc import Callable
from uuid import uuid4

import structlog
from django.db.models.functions import Now

from unsub.models import ImportStatus, UnsubscribeImport
from unsub.models.unsubscribe_import import ACTIVE

from . import files
from .checking import check
from .reading import LEASE, ImportRun
from .writing import write

log = structlog.get_logger(__name__)


def run(pk: int, *, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Check or write an import until it is done, `is_stopping` says so, or the unit's queue stays
    full. Returns at once where another process is at it, and with a line in the log where the key
    of the file was removed. Raises DatabaseError; the next run continues where this one ended."""
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
        if not files.is_readable(job):
            log.error("import_unreadable", mid=job.unit_id, number=job.pk)
            return
        work = ImportRun(job, lease, is_stopping)
        if job.status == ImportStatus.CHECKING:
            check(work)
        else:
            write(work)
    finally:
        mine.update(lease=None, lease_until=Now())
