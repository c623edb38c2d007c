"""The days of reports: those of each business unit's time zone, of UTC for a MID without one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from unsub.models import BusinessUnit

UTC_NAME = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A time zone with its business units: those in `mids`; for None, all but `others`."""

    name: str
    mids: frozenset[int] | None
    others: frozenset[int] = frozenset()

    @property
    def info(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.name)

    @property
    def today(self) -> date:
        """The day that it is there now."""
        return timezone.now().astimezone(self.info).date()

    def of(self, field: str) -> Q:
        """Return Q for the rows of these units, by the field that has their MID."""
        if self.mids is not None:
            return Q(**{f"{field}__in": self.mids})
        return ~Q(**{f"{field}__in": self.others}) if self.others else Q()

    def has(self, mid: int) -> bool:
        """Return whether a unit is of this zone."""
        return mid not in self.others if self.mids is None else mid in self.mids

    def begin(self, day: date) -> datetime:
        """Return when a day begins there."""
        return datetime.combine(day, time(), self.info)

    def end(self, day: date) -> datetime:
        """Return when a day ends there: the beginning of the next."""
        return self.begin(day + timedelta(days=1))


def zones() -> list[Zone]:
    """Return the time zones in use; each MID is in exactly one of them. The first is UTC. One
    query."""
    mids: defaultdict[str, set[int]] = defaultdict(set)
    rows = BusinessUnit.objects.exclude(time_zone=UTC_NAME).order_by()
    for name, mid in rows.values_list("time_zone", "mid"):
        mids[name].add(mid)
    others = frozenset().union(*mids.values())
    found = [Zone(name=name, mids=frozenset(of)) for name, of in sorted(mids.items())]
    return [Zone(name=UTC_NAME, mids=None, others=others), *found]


def zones_of(mids: Sequence[int] | None) -> list[Zone]:
    """Return the time zones of these units; all that are in use for None."""
    found = zones()
    return found if mids is None else [zone for zone in found if any(map(zone.has, mids))]


def zone_of(mid: int, found: Sequence[Zone]) -> Zone:
    """Return the time zone of a unit, among those of `zones`."""
    return next(zone for zone in found if zone.has(mid))


def is_today(found: Sequence[Zone], field: str = "mid") -> Q:
    """Return Q for the daily counts of the day that it is now in the time zone of their unit."""
    return reduce(or_, (Q(day=zone.today) & zone.of(field) for zone in found))
