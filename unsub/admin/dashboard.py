"""The dashboard on the admin's first page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext

from unsub.models import Reason
from unsub.reporting import overview
from unsub.reporting.latency import NEWEST
from unsub.reporting.overview import Overview
from unsub.units.access import mids_of, units_of

from . import needs_attention, overview_choice, overview_tables, reason_charts
from .charts import Columns, Stacks, columns
from .needs_attention import Task
from .overview_choice import Chosen
from .overview_links import of_reasons, requests_url, url_of_days

# The value of the parameter `full` that shows the reasons of all sends.
_REASONS_OF_SENDS = "reasons-of-sends"


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the index page's context with the overview added, for users who may see requests.
    Called by the theme (UNFOLD, DASHBOARD_CALLBACK)."""
    if not request.user.has_perm("unsub.view_subscriberrequest"):
        return context
    seen = list(units_of(request.user))
    chosen = overview_choice.chosen_by(request, seen)
    mids = mids_of(request.user) if chosen.mid is None else [chosen.mid]
    all_jobs = chosen.full == _REASONS_OF_SENDS
    found = overview.build(mids=mids, days=chosen.days, last=chosen.last, all_jobs=all_jobs)
    names = overview_tables.names_of(seen, found, chosen)
    series = reason_charts.series_of(found.by_reason, names["reason"])
    return context | {
        "overview": found,
        "periods": overview_choice.periods(chosen),
        "units": overview_choice.selectable_units(seen, chosen),
        "chosen": chosen,
        "total_url": url_of_days(chosen, found.first, found.last),
        "chart": _chart(found, chosen),
        "reasons_over_time": _reasons_over_time(found, chosen, series),
        "reasons_by_send": _reasons_by_send(found, chosen, series, names),
        "cards": overview_tables.cards(found, chosen, names),
        "tasks": needs_attention.tasks(request, found, chosen, names["unit"]),
        "change": _change(found),
        "before_url": url_of_days(
            chosen,
            found.first - timedelta(days=len(found.by_day)),
            found.first - timedelta(days=1),
        ),
        "abuse": _abuse(found, chosen),
        "processing_time": _processing_time(found),
        "processing_time_newest": NEWEST if found.processing_time.number >= NEWEST else 0,
    }


def _chart(found: Overview, chosen: Chosen) -> Columns:
    chart = columns([(date_format(day.key, "j M"), day.number) for day in found.by_day])
    linked = [
        replace(
            column,
            url=url_of_days(chosen, day.key, day.key),
            is_unfinished=found.is_unfinished and day.key == found.last,
        )
        for column, day in zip(chart.columns, found.by_day, strict=True)
    ]
    return replace(chart, columns=linked)


def _reasons_over_time(
    found: Overview, chosen: Chosen, series: Sequence[reason_charts.Series]
) -> Stacks | None:
    def link(keys: Sequence[str], first: date, last: date) -> str:
        return url_of_days(chosen, first, last, of_reasons(keys))

    return reason_charts.over_time(found, series, link)


def _reasons_by_send(
    found: Overview,
    chosen: Chosen,
    series: Sequence[reason_charts.Series],
    names: Mapping[str, Any],
) -> reason_charts.SendTable | None:
    def link(job: str, keys: Sequence[str]) -> str:
        more = {"job_id": job} | of_reasons(keys)
        return url_of_days(chosen, found.first, found.last, more)

    days = {
        str(job): date_format(send.sent_at, "j N Y")
        for job, send in names["sends"].items()
        if send.sent_at
    }
    return reason_charts.by_send(
        found, series, names["job"], days, link,
        is_full=chosen.full == _REASONS_OF_SENDS,
        full_url=f"{chosen.url(full=_REASONS_OF_SENDS)}#{_REASONS_OF_SENDS}",
    )  # fmt: skip


def _abuse(found: Overview, chosen: Chosen) -> Task | None:
    """Return the number of unsubscribes whose reason says that the emails were not asked for, with
    a link to exactly these; None where there are none."""
    numbers = {str(one.key): one.number for one in found.by_reason}
    given = Reason.objects.filter(
        is_abuse=True, pk__in=overview_tables.ids(found.by_reason)
    ).order_by("pk")
    keys = [str(key) for key in given.values_list("pk", flat=True)]
    number = sum(numbers[key] for key in keys)
    if not number:
        return None
    url = requests_url(found, chosen, "reason__id__in", ",".join(keys))
    text = ngettext("%d counts as abuse", "%d count as abuse", number) % number
    return Task(text=text, url=url)


def _change(found: Overview) -> str:
    """Return the change against the period before, as text."""
    if not found.before:
        return gettext("none in the previous period")
    percent = round((found.number - found.before) / found.before * 100)
    return gettext("%(sign)s%(percent)d%% compared with %(before)s in the previous period") % {
        "sign": "+" if percent >= 0 else "−",
        "percent": abs(percent),
        "before": number_format(found.before, force_grouping=True),
    }


def _processing_time(found: Overview) -> list[tuple[str, str]]:
    """Return the processing times as (label, value)."""
    processing_time = found.processing_time
    if not processing_time.number:
        return []
    return [
        (gettext("Median"), _span(processing_time.p50)),
        (gettext("95 of 100 within (p95)"), _span(processing_time.p95)),
        (gettext("Longest"), _span(processing_time.longest)),
        (gettext("Within 48 hours"), f"{(processing_time.within or 0) * 100:.1f}%"),
    ]


def _span(seconds: float | None) -> str:
    """Return a duration with a suitable unit."""
    if seconds is None:
        return "-"
    for size, name in ((86_400, gettext("d")), (3600, gettext("h")), (60, gettext("min"))):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
