"""The rows of one file of an export."""

from collections.abc import Callable, Iterator
from itertools import chain

from django.db.models import Q

from unsub.models import ExportFormat, ExportRun, SubscriberRequest
from unsub.models.request import IMPORTED_EVENT
from unsub.reporting import audit_export
from unsub.reporting.audit_export import CHUNK, Row

_LINES = {
    ExportFormat.CSV: audit_export.csv_lines,
    ExportFormat.JSONL: audit_export.json_lines,
}


def lines_of(run: ExportRun, count: Callable[[int], None]) -> Iterator[str]:
    """Yield the lines of a file. `count` gets the number of rows of each chunk that is read."""
    named = run.plan.named
    rows = (row for chunk in _chunks(run, named) for row in _counted(chunk, count))
    return _LINES[ExportFormat(run.plan.format)](rows, audit_export.columns(named=named))


def _counted(chunk: list[Row], count: Callable[[int], None]) -> list[Row]:
    count(len(chunk))
    return chunk


def _chunks(run: ExportRun, named: bool) -> Iterator[list[Row]]:
    """Yield the rows, in chunks: of each unit the requests that ended, in the order in which they
    did, then the imported events."""
    mids = iter([run.plan.unit_id]) if run.plan.unit_id is not None else _mids()
    ended = chain.from_iterable(_ended(mid, run, named) for mid in mids)
    return chain(ended, _events(run, named))


def _mids() -> Iterator[int]:
    """Yield the MIDs of which a request has ended, also those without a unit here. One look into
    the index for each: DISTINCT would read all requests."""
    ended = SubscriberRequest.objects.filter(finished_at__isnull=False).order_by("unit_id")
    mids = ended.values_list("unit_id", flat=True)
    mid = mids.first()
    while mid is not None:
        yield mid
        mid = mids.filter(unit_id__gt=mid).first()


def _ended(mid: int, run: ExportRun, named: bool) -> Iterator[list[Row]]:
    """Yield the requests of a unit that ended in the time of the file. By the index of the ended
    ones; from the primary database, because a replica may lack the last of them."""
    ended = SubscriberRequest.objects.filter(unit_id=mid, finished_at__lte=run.until)
    ended = ended.exclude(IMPORTED_EVENT)
    if run.since is not None:
        ended = ended.filter(finished_at__gt=run.since)
    after = Q()
    while True:
        found = ended.filter(after).order_by("finished_at", "pk")
        keys = list(found.values_list("pk", "finished_at")[:CHUNK])
        if not keys:
            return
        # One that was queued again meanwhile has not ended: it comes when it ends again.
        still = SubscriberRequest.objects.filter(pk__in=[pk for pk, _ in keys])
        yield audit_export.read(still.filter(finished_at__lte=run.until), named=named)
        last, at = keys[-1]
        after = Q(finished_at__gt=at) | Q(finished_at=at, pk__gt=last)


def _events(run: ExportRun, named: bool) -> Iterator[list[Row]]:
    """Yield the imported events. They are stored with a time in the past, so by their ids."""
    events = SubscriberRequest.objects.filter(IMPORTED_EVENT, pk__lte=run.events_upto)
    if run.plan.unit_id is not None:
        events = events.filter(unit_id=run.plan.unit_id)
    after = run.events_after
    while rows := audit_export.read(events.filter(pk__gt=after), named=named, most=CHUNK):
        yield rows
        after = rows[-1][0]
