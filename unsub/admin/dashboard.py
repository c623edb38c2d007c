"""The dashboard on the admin's first page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext

from unsub.models import Channel, Kind, MailingList, Reason
from unsub.reporting import overview
from unsub.reporting.latency import NEWEST
from unsub.reporting.overview import Count, Overview
from unsub.units.access import mids_of, units_of

from .charts import Bar, Columns, bars, columns
from .formatting import unit_words

LIST = "admin:unsub_subscriberrequest_changelist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A table with a bar in each row. `counts` is the name of what it counts."""

    title: str
    rows: list[Bar]
    counts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that a person has to do, with a link to it."""

    text: str
    url: str


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the index page's context with the overview added, for users who may see requests.
    Called by the theme (UNFOLD, DASHBOARD_CALLBACK)."""
    if not request.user.has_perm("unsub.view_subscriberrequest"):
        return context
    chosen = request.GET.get("days", "")
    days = int(chosen) if chosen in map(str, overview.PERIODS) else 30
    found = overview.build(mids=mids_of(request.user), days=days)
    return context | {
        "overview": found,
        "periods": _periods(days),
        "chart": _chart(found),
        "cards": _cards(request, found),
        "tasks": _tasks(found),
        "change": _change(found),
        "processing_time": _processing_time(found),
        "processing_time_newest": NEWEST if found.processing_time.number >= NEWEST else 0,
    }


def _periods(chosen: int) -> list[tuple[int, str, bool]]:
    """Return the selectable periods: days, label, whether it is chosen."""
    texts = {1: gettext("today")}
    return [
        (days, texts.get(days) or gettext("%d days") % days, days == chosen)
        for days in overview.PERIODS
    ]


def _chart(found: Overview) -> Columns:
    return columns([(date_format(day.key, "j M"), day.number) for day in found.by_day])


def _cards(request: HttpRequest, found: Overview) -> list[Card]:
    """Return the tables."""
    seen = list(units_of(request.user))
    units = {unit.mid: unit.name for unit in seen}
    names = {one.key: unit_words(one.key, units.get(one.key)) for one in found.by_unit}
    keys = [one.key for one in found.by_list]
    named = MailingList.objects.filter(list_id__in=keys, unit__in=units)
    lists = {key: gettext("List %s") % key for key in keys}
    lists |= {str(one.list_id): one.name for one in named}
    reasons = {
        str(reason.pk): reason.label
        for reason in Reason.objects.filter(pk__in=[one.key for one in found.by_reason])
    }
    channels = {channel.value: str(channel.label) for channel in Channel}
    jobs = [_job(job) for job in found.by_job]
    return [
        Card(
            title=gettext("By business unit"), rows=_rows(found.by_unit, names, "unit__mid__exact")
        ),
        Card(title=gettext("By send"), rows=bars(jobs)),
        Card(title=gettext("By list"), rows=_rows(found.by_list, lists, "list")),
        Card(title=gettext("By reason"), rows=_rows(found.by_reason, reasons, "reason__id__exact")),
        Card(title=gettext("By channel"), rows=_rows(found.by_channel, channels, "channel__exact")),
        *_centre(found, is_offered=any(unit.profile_centre for unit in seen)),
    ]


def _centre(found: Overview, *, is_offered: bool) -> list[Card]:
    """Return the table of the other kinds of requests, where one of the user's units has a profile
    centre."""
    if not (is_offered or found.by_kind):
        return []
    kinds = {kind.value: str(kind.label) for kind in Kind}
    rows = _rows(found.by_kind, kinds, "kind__exact")
    return [Card(title=gettext("Profile centre"), rows=rows, counts=gettext("Requests"))]


def _rows(counts: list[Count], names: Mapping[Any, str], parameter: str) -> list[Bar]:
    """Return the rows of a table, each with a link to its requests."""
    return bars(
        [
            Bar(
                label=names.get(one.key) or str(one.key),
                number=one.number,
                before=one.before,
                url=f"{reverse(LIST)}?{parameter}={one.key}",
            )
            for one in counts
        ]
    )


def _job(job: Count) -> Bar:
    """Return the row of a job."""
    note = gettext("stands out") if job.stands_out else ""
    url = f"{reverse(LIST)}?q={job.key}"
    return Bar(
        label=gettext("Job %s") % job.key, number=job.number, before=job.before, note=note, url=url
    )


def _tasks(found: Overview) -> list[Task]:
    """Return what a person has to do, most urgent first."""
    waiting, requests = found.waiting, reverse(LIST)
    offered = (
        (
            waiting.late,
            ngettext(
                "%d request is older than 48 hours", "%d requests are older than 48 hours",
                waiting.late,
            ),
            f"{requests}?late=yes",
        ),
        (
            waiting.held,
            ngettext("%d request is held", "%d requests are held", waiting.held),
            f"{requests}?status__exact=held",
        ),
        (
            waiting.refused,
            ngettext("%d request was refused", "%d requests were refused", waiting.refused),
            f"{requests}?status__exact=refused&handled=no",
        ),
        (
            waiting.lost_links,
            ngettext("%d lost link waits", "%d lost links wait", waiting.lost_links),
            reverse("admin:unsub_lostlink_changelist"),
        ),
        (
            waiting.erasures,
            ngettext(
                "%d person asks to be erased", "%d people ask to be erased", waiting.erasures
            ),
            reverse("admin:unsub_erasure_changelist"),
        ),
        (
            waiting.alarms,
            ngettext("%d alarm is open", "%d alarms are open", waiting.alarms),
            reverse("admin:unsub_alarm_changelist"),
        ),
    )  # fmt: skip
    return [Task(text=text % number, url=url) for number, text, url in offered if number]


def _change(found: Overview) -> str:
    """Return the change against the period before, as text."""
    if not found.before:
        return gettext("none in the time before")
    percent = round((found.number - found.before) / found.before * 100)
    return gettext("%(sign)s%(percent)d%% against %(before)s in the time before") % {
        "sign": "+" if percent >= 0 else "-",
        "percent": abs(percent),
        "before": number_format(found.before, force_grouping=True),
    }


def _processing_time(found: Overview) -> list[tuple[str, str]]:
    """Return the processing times as (label, value)."""
    processing_time = found.processing_time
    if not processing_time.number:
        return []
    return [
        (gettext("median"), _span(processing_time.p50)),
        (gettext("95 of 100 within"), _span(processing_time.p95)),
        (gettext("longest"), _span(processing_time.longest)),
        (gettext("within 48 hours"), f"{(processing_time.within or 0) * 100:.1f}%"),
    ]


def _span(seconds: float | None) -> str:
    """Return a duration with a suitable unit."""
    if seconds is None:
        return "-"
    for size, name in ((86_400, gettext("d")), (3600, gettext("h")), (60, gettext("min"))):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.1f} s"
