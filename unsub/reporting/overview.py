"""Data of the dashboard: unsubscribes by day, unit, list, job, reason and channel, and what needs a
person."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from unsub.models.daily_count import NONE, job_reason_key
from unsub.models.shown_status import is_held

from .days import zones_of
from .latency import ProcessingTime, is_late, processing_time_of

PERIODS = (1, 7, 30, 90)
# A job stands out with this many times the median, and at least so many unsubscribes.
STANDS_OUT, AT_LEAST = 3, 10
LARGEST = 10  # sends of which the reasons are counted
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
    """Numbers of items that need a person now, and the open alarms, newest first."""

    refused: int
    held: int
    late: int
    lost_links: int
    erasures: int
    alarms: list[Alarm]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The overview of the days from `first` to `last`. `upto` is when the daily counts were last
    refreshed. Days are those of each unit's time zone; `zone` is its name where all units have the
    same. Each `by_` list has every value, largest number first, so that it sums to the whole.
    `reasons_of_days` has the numbers by day and reason; `reasons_of_jobs` those by job and reason,
    where one was given, of the LARGEST jobs or of all."""

    first: date
    last: date
    is_unfinished: bool  # `last` is today, somewhere
    zone: str
    by_day: list[Count]
    by_unit: list[Count]
    by_list: list[Count]
    by_job: list[Count]
    by_reason: list[Count]
    by_channel: list[Count]
    by_kind: list[Count]
    reasons_of_days: Mapping[tuple[date, str], int]
    reasons_of_jobs: Mapping[str, Mapping[str, int]]
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


def build(*, mids: Mids, days: int, last: date | None = None, all_jobs: bool = False) -> Overview:
    """Return the overview of these units, of so many days up to `last` or today; with the reasons
    of all jobs, if told so. About a dozen queries, each on an index or on the daily counts."""
    found = zones_of(mids)
    today = max((zone.today for zone in found), default=datetime.now(UTC).date())
    first = (last or today) - timedelta(days=days - 1)
    last = min(last or today, today)
    first = min(first, last)
    days = (last - first).days + 1
    counts = _of(DailyCount.objects.all(), "mid", mids)
    now = counts.filter(day__gte=first, day__lte=last)
    earlier = counts.filter(day__gte=first - timedelta(days=days), day__lt=first)
    by_job = _marked(_by(now, earlier, By.JOB))
    reasons_of_days = _reasons_of_days(now)
    by_reason = _by_reason(reasons_of_days, earlier)
    return Overview(
        first=first,
        last=last,
        is_unfinished=any(last >= zone.today for zone in found),
        zone=found[0].name if len(found) == 1 else "",
        by_day=_by_day(now, earlier, first, days),
        by_unit=_by(now, earlier, By.CHANNEL, field="mid"),
        by_list=_by(now, earlier, By.LIST),
        by_job=by_job,
        by_reason=by_reason,
        by_channel=_by(now, earlier, By.CHANNEL),
        by_kind=[one for one in _by(now, earlier, By.KIND) if one.key != Kind.UNSUBSCRIBE],
        reasons_of_days=reasons_of_days,
        reasons_of_jobs=_reasons_of_jobs(now, None if all_jobs else by_job, by_reason),
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
    return _counts(_sums(now, by, field), _sums(earlier, by, field))


def _counts(now: Mapping[Any, int], before: Mapping[Any, int]) -> list[Count]:
    """Return numbers beside those of the period before, largest first."""
    counts = sorted(now.items(), key=lambda item: (-item[1], item[0]))
    return [Count(key=key, number=number, before=before.get(key, 0)) for key, number in counts]


def _reasons_of_days(now: QuerySet[DailyCount]) -> dict[tuple[date, str], int]:
    """Return the numbers by day and reason."""
    rows = now.filter(by=By.REASON).order_by().values_list("day", "key").annotate(sum=Sum("number"))
    return {(day, key): number for day, key, number in rows}


def _by_reason(
    of_days: Mapping[tuple[date, str], int], earlier: QuerySet[DailyCount]
) -> list[Count]:
    """Return the numbers by reason, largest first."""
    sums: Counter[str] = Counter()
    for (_, key), number in of_days.items():
        sums[key] += number
    return _counts(sums, _sums(earlier, By.REASON, "key"))


def _reasons_of_jobs(
    now: QuerySet[DailyCount], jobs: Iterable[Count] | None, by_reason: Iterable[Count]
) -> dict[str, dict[str, int]]:
    """Return the numbers by job and reason, of the LARGEST of these jobs or, for None, of all."""
    rows = now
    if jobs is not None:
        named = [job.key for job in jobs if job.key != NONE][:LARGEST]
        reasons = [reason.key for reason in by_reason if reason.key != NONE]
        keys = [job_reason_key(job, reason) for job in named for reason in reasons]
        rows = rows.filter(key__in=keys)
    found: dict[str, dict[str, int]] = {}
    for key, number in _sums(rows, By.JOB_REASON, "key").items():
        job, _, reason = key.partition(":")
        found.setdefault(job, {})[reason] = number
    return found


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
        alarms=list(_of(Alarm.objects.filter(cleared_at=None), "mid", mids)),
    )
