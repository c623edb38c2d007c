"""Unsubscribes of today beside those of a unit's busy days, from the daily counts."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Sum

from unsub.models import By, DailyCount

from .days import zone_of, zones

# What is usual is a busy day and not a mean, because most units send on a few days only: of the
# last HISTORY days the one with the BUSY-th most unsubscribes. So a monthly newsletter is usual,
# and one or two earlier incidents do not hide the next.
HISTORY = 90
BUSY = 3
LEAST_HISTORY = timedelta(days=14)  # a younger unit has nothing usual yet
SPIKE_LEAST, SPIKE_TIMES = 100, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Unsubscribes of today (`day`, in the unit's time zone), and how many are usual on a busy day;
    None where that is not known yet."""

    day: date
    number: int
    usual: int | None

    @property
    def is_spike(self) -> bool:
        """Whether there are at least SPIKE_LEAST today, and more than SPIKE_TIMES the usual."""
        return (
            self.usual is not None
            and self.number >= SPIKE_LEAST
            and self.number > SPIKE_TIMES * self.usual
        )


def today() -> dict[int, Rate]:
    """Return the rate of each unit that had unsubscribes in the last HISTORY days, by MID. Those
    taken over from Marketing Cloud count, those taken back do not. Two queries, one of the
    daily counts, which are a minute old."""
    found = zones()
    first = min(zone.today for zone in found) - timedelta(days=HISTORY)
    counts = DailyCount.objects.filter(by=By.CHANNEL, day__gte=first)
    rows = counts.order_by().values("mid", "day").annotate(sum=Sum("number"))
    by_mid: defaultdict[int, dict[date, int]] = defaultdict(dict)
    for row in rows:
        by_mid[row["mid"]][row["day"]] = row["sum"]
    return {mid: _rate(days, zone_of(mid, found).today) for mid, days in by_mid.items()}


def _rate(days: Mapping[date, int], now: date) -> Rate:
    before = {day: number for day, number in days.items() if day < now}
    number = days.get(now, 0)
    if not before or min(before) > now - LEAST_HISTORY:
        return Rate(day=now, number=number, usual=None)
    busiest = sorted(before.values(), reverse=True)
    return Rate(day=now, number=number, usual=busiest[BUSY - 1] if len(busiest) >= BUSY else 0)
