"""Keeps the daily tallies up: days on which something changed are counted anew.

A day is counted whole, so that counting twice or too often does no harm, and a run that was killed
leaves nothing wrong behind.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Now, TruncDate

from unsub.infra.inserts import find_or_insert
from unsub.models import BusinessUnit, By, DailyTally, Kind, Status, TallyMark, UnsubRequest

# A transaction that began before the last run may have ended after it.
OVERLAP = timedelta(minutes=5)
# Once a day so many days are counted anew: whatever the signs of change do not show.
RECOUNTED = 11  # the horizon and a day
_CHUNK = 1000

# Where a request finds the value that it counts by.
_FIELDS = {
    By.STATE: "status",
    By.CHANNEL: "channel",
    By.JOB: "job_id",
    By.LIST: "list_id",
    By.REASON: "reason_id",
    By.KIND: "kind",
}
# What was taken back, never confirmed or made void by a later wish was not carried out.
_NOTHING = frozenset({Status.WITHDRAWN, Status.SUPERSEDED, Status.WAITING})


def keep_up() -> list[date]:
    """Return the days that were counted anew; none where another process counts just now."""
    with transaction.atomic():
        _make_mark()
        mark = TallyMark.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if mark is None:
            return []
        now = TallyMark.objects.values_list(Now(), flat=True)[0]
        days = sorted(set(_first_days() if mark.upto is None else _changed(mark.upto, now)))
        for day in days:
            _count(day)
        TallyMark.objects.filter(pk=1).update(upto=now)
    return days


def recount(days: Iterable[date]) -> None:
    """Count these days anew: something was written to them that shows no sign of change."""
    for day in sorted(set(days)):
        with transaction.atomic():
            _make_mark()
            TallyMark.objects.select_for_update().get(pk=1)
            _count(day)


def _make_mark() -> None:
    """Make the one row that is locked by whoever counts, where it is not there yet."""
    find_or_insert(TallyMark.objects.filter(pk=1), TallyMark(pk=1))


def _first_days() -> Iterator[date]:
    """Give every day since the first request."""
    ends = UnsubRequest.objects.aggregate(first=Min("received_at"), last=Max("received_at"))
    if ends["first"] is None:
        return
    first, last = ends["first"].astimezone(UTC).date(), ends["last"].astimezone(UTC).date()
    yield from (first + timedelta(days=number) for number in range((last - first).days + 1))


def _changed(upto: datetime, now: datetime) -> Iterator[date]:
    """Give the days on which something was received, or whose requests went on, since `upto`. Each
    question has an index."""
    since = upto - OVERLAP
    today = now.astimezone(UTC).date()
    back = RECOUNTED if upto.astimezone(UTC).date() != today else 1
    yield from (today - timedelta(days=number) for number in range(back))
    yield from _days(UnsubRequest.objects.filter(received_at__gte=since))
    for mid in BusinessUnit.objects.values_list("mid", flat=True):
        done = UnsubRequest.objects.filter(unit_id=mid, status=Status.DONE)
        yield from _days(done.filter(finished_at__gte=since))
    refused = UnsubRequest.objects.filter(status=Status.REFUSED, finished_at__gte=since)
    yield from _days(refused)
    # Tried again: refused no longer.
    yield from _days(UnsubRequest.objects.filter(status=Status.PENDING))


def _days(requests: QuerySet[UnsubRequest]) -> Iterator[date]:
    """Give the days on which these were received."""
    days = requests.order_by().values_list(TruncDate("received_at", tzinfo=UTC), flat=True)
    yield from (day for day in days.distinct() if day)


def _count(day: date) -> None:
    """Count one day anew."""
    start = datetime.combine(day, time(), UTC)
    received = UnsubRequest.objects.filter(
        received_at__gte=start, received_at__lt=start + timedelta(days=1)
    )
    sums: Counter[tuple[int, By, str]] = Counter()
    for row in received.order_by().values("unit_id", *_FIELDS.values()).annotate(
        number=Count("pk")
    ).iterator(_CHUNK):  # fmt: skip
        sums.update(dict.fromkeys(_counts_as(row), row["number"]))
    DailyTally.objects.filter(day=day).delete()
    DailyTally.objects.bulk_create(
        (
            DailyTally(day=day, mid=mid, by=by, key=key, number=number)
            for (mid, by, key), number in sums.items()
        ),
        batch_size=_CHUNK,
    )


def _counts_as(row: Mapping[str, Any]) -> Iterator[tuple[int, By, str]]:
    """Give the tallies that a row of the count belongs to."""
    for by, field in _FIELDS.items():
        if row[field] is not None and _counts_by(by, row):
            yield row["unit_id"], by, str(row[field])


def _counts_by(by: By, row: Mapping[str, Any]) -> bool:
    """Return whether a row of the count counts by this."""
    if row["kind"] != Kind.UNSUBSCRIBE and by is not By.KIND:
        return False
    return by is By.STATE or row["status"] not in _NOTHING
