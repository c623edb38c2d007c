"""Keeps the daily counts current: days on which something changed are counted again.

A day is always counted as a whole, so that repeated or interrupted runs do no harm.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Now, TruncDate

from unsub.infra.inserts import find_or_insert
from unsub.models import BusinessUnit, By, CountCursor, DailyCount, Kind, Status, SubscriberRequest
from unsub.models.daily_count import NONE, job_reason_key
from unsub.models.statuses import NOT_COUNTED

# A transaction that began before the last run may have committed after it.
OVERLAP = timedelta(minutes=5)
# Once a day this many days are counted again, to include changes that `_changed` cannot see.
RECOUNTED = 11  # the horizon, and a day
_CHUNK = 1000

# The field of a request that each count groups by.
_FIELDS = {
    By.STATE: "status",
    By.CHANNEL: "channel",
    By.JOB: "job_id",
    By.LIST: "list_id",
    By.REASON: "reason_id",
    By.KIND: "kind",
}


def refresh() -> list[date]:
    """Return the days that were counted again; none where another process is counting.

    One transaction, with the cursor's row locked (SKIP LOCKED).
    """
    with transaction.atomic():
        _make_mark()
        cursor = CountCursor.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if cursor is None:
            return []
        now = CountCursor.objects.values_list(Now(), flat=True)[0]
        days = sorted(set(_first_days() if cursor.upto is None else _changed(cursor.upto, now)))
        for day in days:
            _count(day)
        CountCursor.objects.filter(pk=1).update(upto=now)
    return days


def recount(days: Iterable[date]) -> None:
    """Count these days again, for writes that `refresh` cannot see. Locks the cursor's row, one
    transaction per day."""
    for day in sorted(set(days)):
        with transaction.atomic():
            _make_mark()
            CountCursor.objects.select_for_update().get(pk=1)
            _count(day)


def _make_mark() -> None:
    """Insert the cursor's row, which serialises the counting, if it is missing."""
    find_or_insert(CountCursor.objects.filter(pk=1), CountCursor(pk=1))


def _first_days() -> Iterator[date]:
    """Yield every day since the first request."""
    ends = SubscriberRequest.objects.aggregate(first=Min("received_at"), last=Max("received_at"))
    if ends["first"] is None:
        return
    first, last = ends["first"].astimezone(UTC).date(), ends["last"].astimezone(UTC).date()
    yield from (first + timedelta(days=number) for number in range((last - first).days + 1))


def _changed(upto: datetime, now: datetime) -> Iterator[date]:
    """Yield the days of the requests that were received or changed since `upto`. Each query uses an
    index."""
    since = upto - OVERLAP
    today = now.astimezone(UTC).date()
    back = RECOUNTED if upto.astimezone(UTC).date() != today else 1
    yield from (today - timedelta(days=number) for number in range(back))
    yield from _days(SubscriberRequest.objects.filter(received_at__gte=since))
    for mid in BusinessUnit.objects.values_list("mid", flat=True):
        done = SubscriberRequest.objects.filter(unit_id=mid, status=Status.DONE)
        yield from _days(done.filter(finished_at__gte=since))
    refused = SubscriberRequest.objects.filter(status=Status.REFUSED, finished_at__gte=since)
    yield from _days(refused)
    # Requests that were refused before, and have been queued again.
    yield from _days(SubscriberRequest.objects.filter(status=Status.PENDING))


def _days(requests: QuerySet[SubscriberRequest]) -> Iterator[date]:
    """Yield the days on which these requests were received."""
    days = requests.order_by().values_list(TruncDate("received_at", tzinfo=UTC), flat=True)
    yield from (day for day in days.distinct() if day)


def _count(day: date) -> None:
    """Replace the counts of one day."""
    start = datetime.combine(day, time(), UTC)
    received = SubscriberRequest.objects.filter(
        received_at__gte=start, received_at__lt=start + timedelta(days=1)
    )
    sums: Counter[tuple[int, By, str]] = Counter()
    for row in received.order_by().values("unit_id", *_FIELDS.values()).annotate(
        number=Count("pk")
    ).iterator(_CHUNK):  # fmt: skip
        sums.update(dict.fromkeys(_counts_as(row), row["number"]))
    DailyCount.objects.filter(day=day).delete()
    DailyCount.objects.bulk_create(
        (
            DailyCount(day=day, mid=mid, by=by, key=key, number=number)
            for (mid, by, key), number in sums.items()
        ),
        batch_size=_CHUNK,
    )


def _counts_as(row: Mapping[str, Any]) -> Iterator[tuple[int, By, str]]:
    """Yield the counts that a row of the aggregate belongs to."""
    for by, field in _FIELDS.items():
        if _counts_by(by, row):
            value = row[field]
            yield row["unit_id"], by, NONE if value is None else str(value)
    job, reason = row["job_id"], row["reason_id"]
    if _counts_by(By.JOB_REASON, row) and job is not None and reason is not None:
        yield row["unit_id"], By.JOB_REASON, job_reason_key(job, reason)


def _counts_by(by: By, row: Mapping[str, Any]) -> bool:
    """Return whether a row of the aggregate is counted by this property."""
    if row["kind"] != Kind.UNSUBSCRIBE and by is not By.KIND:
        return False
    return by is By.STATE or row["status"] not in NOT_COUNTED
