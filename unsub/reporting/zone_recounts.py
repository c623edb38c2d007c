"""After a change of a unit's time zone, counts its days again: the newest first, some in each run.

How far it got is in the database, so a run that was interrupted is continued by the next one. Until
then the days before still are those of the former time zone.
"""

from datetime import timedelta

from django.db.models import Min

from unsub.infra.inserts import find_or_insert
from unsub.models import BusinessUnit, By, CountedZone, DailyCount

from . import daily_counts
from .days import zone_of, zones

DAYS = 60  # of one unit in one run


def run() -> None:
    """Count the next DAYS days of each unit again whose counts are by another time zone than its
    own. One transaction for each day."""
    known = CountedZone.objects.in_bulk()
    for mid, name in BusinessUnit.objects.order_by("mid").values_list("mid", "time_zone"):
        counted = known.get(mid)
        if counted is None:
            rows = CountedZone.objects.filter(pk=mid)
            counted, _ = find_or_insert(rows, CountedZone(mid=mid, time_zone=name))
        if counted.time_zone != name:
            today = zone_of(mid, zones()).today
            # In the former time zone it may be tomorrow.
            counted.time_zone, counted.left_before = name, today + timedelta(days=2)
            counted.save()
        if counted.left_before:
            _continue(counted)


def _continue(counted: CountedZone) -> None:
    """Count the next days, and write down how far that got."""
    mid = counted.mid
    first = DailyCount.objects.filter(by=By.STATE, mid=mid).aggregate(day=Min("day"))["day"]
    for _ in range(DAYS):
        before = counted.left_before
        # What was received early on the first day may be of the day before.
        if first is None or before is None or before < first:
            counted.left_before = None
            break
        day = before - timedelta(days=1)
        daily_counts.recount_unit(mid, day)
        counted.left_before = day
    counted.save(update_fields=["left_before"])
