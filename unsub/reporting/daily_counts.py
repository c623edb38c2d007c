"""Keeps the daily counts current: days on which something changed are counted again.

A day is always counted as a whole, so that repeated or interrupted runs do no harm. It is the day
of each unit's time zone (`days`). After a change of a unit's time zone `zone_recounts` counts its
days again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Now, TruncDate

from unsub.infra.inserts import find_or_insert
from unsub.models import BusinessUnit, By, CountCursor, DailyCount, Kind, Status, SubscriberRequest
from unsub.models.daily_count import NONE, job_reason_key
from unsub.models.statuses import NOT_COUNTED

from .days import Zone, zone_of, zones

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
        found = zones()
        changed = _first_days(found) if cursor.upto is None else _changed(cursor.upto, now, found)
        days = sorted(set(changed))
        for day in days:
            _count(day, found)
        CountCursor.objects.filter(pk=1).update(upto=now)
    return days


def recount(days: Iterable[date]) -> None:
    """Count these days (UTC) again, for writes that `refresh` cannot see. Locks the cursor's row,
    one transaction per day."""
    found = zones()
    for day in sorted({near for given in days for near in _near(given, found)}):
        with transaction.atomic():
            _make_mark()
            CountCursor.objects.select_for_update().get(pk=1)
            _count(day, found)


def recount_unit(mid: int, day: date) -> None:
    """Count a day of one unit again. Locks the cursor's row, one transaction."""
    zone = zone_of(mid, zones())
    with transaction.atomic():
        _make_mark()
        CountCursor.objects.select_for_update().get(pk=1)
        sums = _sums(_received(day, zone).filter(unit_id=mid))
        DailyCount.objects.filter(day=day, mid=mid).delete()
        _store(day, sums)


def _make_mark() -> None:
    """Insert the cursor's row, which serialises the counting, if it is missing."""
    find_or_insert(CountCursor.objects.filter(pk=1), CountCursor(pk=1))


def _near(day: date, found: Sequence[Zone]) -> Iterator[date]:
    """Yield the days of all time zones that a day of UTC is part of."""
    reach = 0 if len(found) == 1 else 1
    yield from (day + timedelta(days=number) for number in range(-reach, reach + 1))


def _first_days(found: Sequence[Zone]) -> Iterator[date]:
    """Yield every day since the first request."""
    ends = SubscriberRequest.objects.aggregate(first=Min("received_at"), last=Max("received_at"))
    if ends["first"] is None:
        return
    first, last = ends["first"].astimezone(UTC).date(), ends["last"].astimezone(UTC).date()
    for number in range((last - first).days + 1):
        yield from _near(first + timedelta(days=number), found)


def _changed(upto: datetime, now: datetime, found: Sequence[Zone]) -> Iterator[date]:
    """Yield the days of the requests that were received or changed since `upto`. Each query uses an
    index."""
    since = upto - OVERLAP
    is_new_day = upto.astimezone(UTC).date() != now.astimezone(UTC).date()
    for zone in found:
        today = now.astimezone(zone.info).date()
        back = RECOUNTED if is_new_day else 1
        yield from (today - timedelta(days=number) for number in range(back))
    requests = SubscriberRequest.objects.all()
    yield from _days(requests.filter(received_at__gte=since), found)
    for mid in BusinessUnit.objects.values_list("mid", flat=True):
        done = requests.filter(unit_id=mid, status=Status.DONE, finished_at__gte=since)
        yield from _days_in(done, zone_of(mid, found))
    yield from _days(requests.filter(status=Status.REFUSED, finished_at__gte=since), found)
    # Requests that were refused before, and have been queued again.
    yield from _days(requests.filter(status=Status.PENDING), found)


def _days(requests: QuerySet[SubscriberRequest], found: Sequence[Zone]) -> Iterator[date]:
    """Yield the days on which these requests were received."""
    for zone in found:
        yield from _days_in(requests.filter(zone.of("unit_id")), zone)


def _days_in(requests: QuerySet[SubscriberRequest], zone: Zone) -> Iterator[date]:
    """Yield the days of a time zone on which these requests were received."""
    days = requests.order_by().values_list(TruncDate("received_at", tzinfo=zone.info), flat=True)
    yield from (day for day in days.distinct() if day)


def _count(day: date, found: Sequence[Zone]) -> None:
    """Replace the counts of one day."""
    sums: Counter[tuple[int, By, str]] = Counter()
    for zone in found:
        sums.update(_sums(_received(day, zone).filter(zone.of("unit_id"))))
    DailyCount.objects.filter(day=day).delete()
    _store(day, sums)


def _received(day: date, zone: Zone) -> QuerySet[SubscriberRequest]:
    """Return the requests that were received on a day of a time zone."""
    return SubscriberRequest.objects.filter(
        received_at__gte=zone.begin(day), received_at__lt=zone.end(day)
    )


def _sums(received: QuerySet[SubscriberRequest]) -> Counter[tuple[int, By, str]]:
    """Return the counts of these requests."""
    sums: Counter[tuple[int, By, str]] = Counter()
    rows = received.order_by().values("unit_id", *_FIELDS.values()).annotate(number=Count("pk"))
    for row in rows.iterator(_CHUNK):
        sums.update(dict.fromkeys(_counts_as(row), row["number"]))
    return sums


def _store(day: date, sums: Mapping[tuple[int, By, str], int]) -> None:
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
