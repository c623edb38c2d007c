"""What a user has chosen on the overview: the period, a business unit, a table in full."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext

from unsub.models import BusinessUnit
from unsub.reporting import overview

LONGEST = 400  # days of a period with dates of its own
# There is a period of the same length before each.
EARLIEST = date.min + timedelta(days=LONGEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the user has chosen: the period, one unit or all (None), and the table shown in full.
    `last` is None for a period that ends today."""

    days: int
    last: date | None
    mid: int | None
    full: str

    def url(self, **other: Any) -> str:
        """Return the overview's address with this choice, changed by `other`."""
        period: dict[str, Any] = {"days": self.days}
        if self.last is not None:
            begin = self.last - timedelta(days=self.days - 1)
            period = {"from": begin.isoformat(), "to": self.last.isoformat()}
        given = period | {"unit": self.mid, "full": self.full} | other
        return "?" + urlencode({name: value for name, value in given.items() if value})


def chosen_by(request: HttpRequest, units: Sequence[BusinessUnit]) -> Chosen:
    """Return the user's choice; the default for every value that is not one of those offered."""
    days, unit = request.GET.get("days", ""), request.GET.get("unit", "")
    seen = {str(one.mid) for one in units}
    own = _own_period(request)
    return Chosen(
        days=own[0] if own else int(days) if days in map(str, overview.PERIODS) else 30,
        last=own[1] if own else None,
        mid=int(unit) if unit in seen else None,
        full=request.GET.get("full", ""),
    )


def _own_period(request: HttpRequest) -> tuple[int, date] | None:
    """Return the number of days and the last day of a period that the user has typed in, or None
    where it is none, longer than LONGEST, or before EARLIEST."""
    try:
        begin = date.fromisoformat(request.GET.get("from", ""))
        last = date.fromisoformat(request.GET.get("to", ""))
    except ValueError:
        return None
    # In no time zone is it later than tomorrow.
    last = min(last, datetime.now(UTC).date() + timedelta(days=1))
    days = (last - begin).days + 1
    return (days, last) if 1 <= days <= LONGEST and begin >= EARLIEST else None


def periods(chosen: Chosen) -> list[tuple[str, str, bool]]:
    """Return the selectable periods: address, label, whether it is chosen."""
    texts = {1: gettext("Today")}
    today, *longer = (
        (
            replace(chosen, days=days, last=None).url(full=""),
            texts.get(days) or gettext("Last %d days") % days,
            chosen.last is None and days == chosen.days,
        )
        for days in overview.PERIODS
    )
    yesterday = replace(chosen, days=1, last=datetime.now(UTC).date() - timedelta(days=1))
    is_chosen = (chosen.days, chosen.last) == (yesterday.days, yesterday.last)
    return [today, (yesterday.url(full=""), gettext("Yesterday"), is_chosen), *longer]


def selectable_units(seen: Sequence[BusinessUnit], chosen: Chosen) -> list[tuple[int, str, bool]]:
    """Return the selectable units, where there are several: MID, name, whether it is chosen."""
    units = sorted(((one.mid, one.name) for one in seen), key=itemgetter(1))
    return [(mid, name, mid == chosen.mid) for mid, name in units] if len(units) > 1 else []
