"""When the files of a scheduled export end."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from unsub.models import ExportPlan, Frequency

_HOUR = timedelta(hours=1)


def next_after(plan: ExportPlan, at: datetime) -> datetime:
    """Return the next time after `at` at which a file of the plan ends: the full hour (UTC), or the
    hour of the day in the plan's time zone."""
    if plan.frequency == Frequency.HOURLY:
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
    zone = ZoneInfo(plan.time_zone)
    day = at.astimezone(zone).date()
    while True:
        found = datetime(day.year, day.month, day.day, plan.hour, tzinfo=zone).astimezone(UTC)
        if found > at:
            return found
        day += timedelta(days=1)


def last_until(plan: ExportPlan, at: datetime) -> datetime:
    """Return the last time up to `at` at which a file of a due plan ends: one file has what several
    have missed."""
    found = plan.next_at
    while (later := next_after(plan, found)) <= at:
        found = later
    return found
