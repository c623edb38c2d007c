"""Data of the dashboard: unsubscribes by day, unit, list, job, reason and channel, and what needs a
person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import QuerySet, Sum

from unsub.models import (
    Alarm,
    By,
    CountCursor,
    DailyCount,
    Erasure,
    Kind,
    LostLink,
    Status,
    SubscriberRequest,
)
from unsub.models.daily_count import NONE
from unsub.models.shown_status import is_held

from .latency import ProcessingTime, is_late, processing_time_of

PERIODS = (1, 7, 30, 90)
# A job stands out with this many times the median, and at least so many unsubscribes.
STANDS_OUT, AT_LEAST = 3, 10
Mids = Sequence[int] | None  # None: every unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Number of unsubscribes for one value of a property, in the period and in the one before."""

    key: Any
    number: int
    before: int = 0
    stands_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Numbers of items that need a person now."""

    refused: int
    held: int
    late: int
    lost_links: int
    erasures: int
    alarms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The overview of the days from `first` to `last`. `upto` is when the daily
    counts were last refreshed. Each `by_` list has every value, largest number first, so that it
    sums to the whole."""

    first: date
    last: date
    is_unfinished: bool  # `last` is today
    by_day: list[Count]
    by_unit: list[Count]
    by_list: list[Count]
    by_job: list[Count]
    by_reason: list[Count]
    by_channel: list[Count]
    by_kind: list[Count]
    processing_time: ProcessingTime
    waiting: Waiting
    upto: datetime | None

    @property
    def number(self) -> int:
        """Unsubscribes in the period."""
        return sum(day.number for day in self.by_day)

    @property
    def before(self) -> int:
        """Unsubscribes in the period of equal length before."""
        return sum(day.before for day in self.by_day)


def build(*, mids: Mids, days: int, last: date | None = None) -> Overview:
    """Return the overview of these units, of so many days up to `last` or today. About a dozen
    queries, each on an index or on the daily counts."""
    today = datetime.now(UTC).date()
    last = min(last or today, today)
    first = last - timedelta(days=days - 1)
    counts = _of(DailyCount.objects.all(), "mid", mids)
    now = counts.filter(day__gte=first, day__lte=last)
    earlier = counts.filter(day__gte=first - timedelta(days=days), day__lt=first)
    return Overview(
        first=first,
        last=last,
        is_unfinished=last == today,
        by_day=_by_day(now, earlier, first, days),
        by_unit=_by(now, earlier, By.CHANNEL, field="mid"),
        by_list=_by(now, earlier, By.LIST),
        by_job=_marked(_by(now, earlier, By.JOB)),
        by_reason=_by(now, earlier, By.REASON),
        by_channel=_by(now, earlier, By.CHANNEL),
        by_kind=[one for one in _by(now, earlier, By.KIND) if one.key != Kind.UNSUBSCRIBE],
        processing_time=processing_time_of(mids),
        waiting=_waiting(mids),
        upto=CountCursor.objects.values_list("upto", flat=True).first(),
    )


def _of(rows: QuerySet[Any], field: str, mids: Mids) -> QuerySet[Any]:
    """Return the rows of these units."""
    return rows if mids is None else rows.filter(**{f"{field}__in": mids})


def _sums(rows: QuerySet[DailyCount], by: By, field: str) -> dict[Any, int]:
    """Return sums of the daily counts of one property, by a field."""
    return dict(rows.filter(by=by).order_by().values_list(field).annotate(sum=Sum("number")))


def _by(
    now: QuerySet[DailyCount],
    earlier: QuerySet[DailyCount],
    by: By,
    *,
    field: str = "key",
) -> list[Count]:
    """Return the numbers of one property, largest first."""
    counts = sorted(_sums(now, by, field).items(), key=lambda item: (-item[1], item[0]))
    before = _sums(earlier, by, field)
    return [Count(key=key, number=number, before=before.get(key, 0)) for key, number in counts]


def _marked(jobs: list[Count]) -> list[Count]:
    """Return the jobs; those that stand out from all jobs are marked."""
    numbers = [job.number for job in jobs if job.key != NONE]
    limit = max(AT_LEAST, STANDS_OUT * median(numbers)) if numbers else 0
    return [replace(job, stands_out=job.key != NONE and job.number >= limit) for job in jobs]


def _by_day(
    now: QuerySet[DailyCount], earlier: QuerySet[DailyCount], first: date, days: int
) -> list[Count]:
    """Return a number for each day, zeros included."""
    # Every request has exactly one channel, so their sum is the number of all.
    numbers = _sums(now, By.CHANNEL, "day")
    before = _sums(earlier, By.CHANNEL, "day")
    each = (first + timedelta(days=number) for number in range(days))
    return [
        Count(
            key=day,
            number=numbers.get(day, 0),
            before=before.get(day - timedelta(days=days), 0),
        )
        for day in each
    ]


def _waiting(mids: Mids) -> Waiting:
    """Return what needs a person. Each query uses an index."""
    requests = _of(SubscriberRequest.objects.order_by(), "unit_id", mids)
    return Waiting(
        refused=requests.filter(status=Status.REFUSED, resolution_notes=None).count(),
        held=requests.filter(is_held()).count(),
        late=requests.filter(is_late()).count(),
        lost_links=_of(LostLink.objects.filter(handled_at=None), "unit_id", mids).count(),
        erasures=_of(Erasure.objects.open(), "unit_id", mids).count(),
        alarms=_of(Alarm.objects.filter(cleared_at=None), "mid", mids).count(),
    )
