"""Reasons over time, as stacked columns, and by send, as a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext

from unsub.models.daily_count import NONE
from unsub.reporting.overview import LARGEST, Count, Overview

from .charts import Part, Stacks, stacks

SHOWN = 5  # reasons with a series of their own
BY_DAY = 45  # days at most, of which each has a column; of more, each week
WEEK = 7

# Returns the address of the requests with any of these reasons, of the days from one to another.
Link = Callable[[Sequence[str], date, date], str]


class Series(NamedTuple):
    """Reasons that are counted together."""

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRow:
    """A send with a number for each series."""

    label: str
    detail: str
    url: str
    number: int
    parts: list[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTable:
    """The reasons of sends. `all` is how many sends there are, also those that are not shown."""

    names: list[str]
    rows: list[SendRow]
    all: int
    full_url: str

    @property
    def hidden(self) -> int:
        """How many further sends there are."""
        return self.all - len(self.rows)


def series_of(by_reason: Sequence[Count], labels: Mapping[str, str]) -> list[Series]:
    """Return the series: the SHOWN most frequent reasons, the others together, and none given."""
    keys = [one.key for one in by_reason if one.key != NONE]
    found = [Series(labels.get(key, key), (key,)) for key in keys[:SHOWN]]
    if others := tuple(keys[SHOWN:]):
        found.append(Series(gettext("All other reasons"), others))
    if any(one.key == NONE for one in by_reason):
        found.append(Series(gettext("No reason given"), (NONE,)))
    return found


def over_time(found: Overview, series: Sequence[Series], link: Link) -> Stacks | None:
    """Return the chart of the period; None where nothing was counted."""
    if not series:
        return None
    rows = []
    for first, last in _spans(found):
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        parts = [
            Part(
                number=sum(
                    found.reasons_of_days.get((day, key), 0) for day in days for key in keys
                ),
                series=at,
                url=link(keys, first, last),
            )
            for at, (_, keys) in enumerate(series)
        ]
        rows.append((_label(first, last), parts, found.is_unfinished and last == found.last))
    return stacks([one.name for one in series], rows)


def _spans(found: Overview) -> list[tuple[date, date]]:
    """Return the first and last day of each column: days, or weeks that end with the period."""
    number = (found.last - found.first).days + 1
    size = 1 if number <= BY_DAY else WEEK
    begins = range(number - size, -size, -size)
    spans = [
        (found.first + timedelta(days=max(at, 0)), found.first + timedelta(days=at + size - 1))
        for at in begins
    ]
    return spans[::-1]


def _label(first: date, last: date) -> str:
    if first == last:
        return date_format(first, "j M")
    return f"{date_format(first, 'j M')}–{date_format(last, 'j M')}"


def by_send(
    found: Overview,
    series: Sequence[Series],
    labels: Mapping[Any, str],
    details: Mapping[str, str],
    link: Callable[[str, Sequence[str]], str],
    *,
    is_full: bool,
    full_url: str,
) -> SendTable | None:
    """Return the reasons of the LARGEST sends, or of all; None where no send is known."""
    jobs = [job for job in found.by_job if job.key != NONE]
    if not (jobs and series):
        return None
    shown = jobs if is_full else jobs[:LARGEST]
    return SendTable(
        names=[one.name for one in series],
        rows=[
            SendRow(
                label=labels.get(job.key) or job.key,
                detail=details.get(job.key, ""),
                url=link(job.key, ()),
                number=job.number,
                parts=list(_parts(found, job, series, link)),
            )
            for job in shown
        ],
        all=len(jobs),
        full_url=full_url,
    )


def _parts(
    found: Overview,
    job: Count,
    series: Sequence[Series],
    link: Callable[[str, Sequence[str]], str],
) -> Iterable[Part]:
    """Yield the numbers of a send. Without a reason are those that no reason counts."""
    given = dict(found.reasons_of_jobs.get(job.key, {}))
    given[NONE] = job.number - sum(given.values())
    for at, (_, keys) in enumerate(series):
        number = sum(given.get(key, 0) for key in keys)
        yield Part(number=number, series=at, url=link(job.key, keys))
