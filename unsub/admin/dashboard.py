"""The dashboard on the admin's first page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext

from unsub.models import Alarm, BusinessUnit, Cause, Channel, Kind, MailingList, Reason
from unsub.models.daily_count import NONE
from unsub.outbox import restoring
from unsub.reporting import overview, send_rates
from unsub.reporting.latency import NEWEST
from unsub.reporting.overview import AT_LEAST, STANDS_OUT, Count, Overview
from unsub.reporting.send_rates import SendFacts
from unsub.units.access import mids_of, units_of

from . import reason_charts
from .alarm_advice import requests_url as alarm_requests_url
from .charts import Bar, Columns, Stacks, bars, columns
from .filters import WITHOUT
from .formatting import unit_words
from .sends import percent

LIST = "admin:unsub_subscriberrequest_changelist"
SENDS = "admin:unsub_send_changelist"
LONGEST = 400  # days of a period with dates of its own
TOP = 10  # rows of a table before it is shown in full
_KIND = "kind__exact"
# Table, and the filter of the list of requests that its rows set.
_PARAMETERS = {
    "unit": "unit__mid__exact",
    "job": "job_id",
    "list": "list",
    "reason": "reason__id__exact",
    "channel": "channel__exact",
    "kind": _KIND,
    "email": "email",
}
_SPIKES = (Cause.SPIKE, Cause.SEND_SPIKE)
# The value of the parameter `full` that shows the reasons of all sends.
_REASONS_OF_SENDS = "reasons-of-sends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A table with a bar in each row. `counts` is the name of what it counts. `hidden` is how many
    further values there are, `hidden_number` what they count together, and `full_url` the address
    of the whole table. `remark` says what the rates, where it `has_rates`, are to be compared
    with."""

    title: str
    key: str
    rows: list[Bar]
    counts: str = ""
    hidden: int = 0
    hidden_number: int = 0
    full_url: str = ""
    has_rates: bool = False
    has_before: bool = True
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that a person has to do, with a link to it."""

    text: str
    url: str


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


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the index page's context with the overview added, for users who may see requests.
    Called by the theme (UNFOLD, DASHBOARD_CALLBACK)."""
    if not request.user.has_perm("unsub.view_subscriberrequest"):
        return context
    seen = list(units_of(request.user))
    chosen = _chosen(request, seen)
    mids = mids_of(request.user) if chosen.mid is None else [chosen.mid]
    all_jobs = chosen.full == _REASONS_OF_SENDS
    found = overview.build(mids=mids, days=chosen.days, last=chosen.last, all_jobs=all_jobs)
    names = _names(seen, found, chosen)
    series = reason_charts.series_of(found.by_reason, names["reason"])
    return context | {
        "overview": found,
        "periods": _periods(chosen),
        "units": _units(seen, chosen),
        "chosen": chosen,
        "total_url": _url_of_days(chosen, found.first, found.last),
        "chart": _chart(found, chosen),
        "reasons_over_time": _reasons_over_time(found, chosen, series),
        "reasons_by_send": _reasons_by_send(found, chosen, series, names),
        "cards": _cards(found, chosen, names),
        "tasks": [*_release(request), *_spikes(found, names["unit"]), *_tasks(found, chosen)],
        "change": _change(found),
        "before_url": _url_of_days(
            chosen,
            found.first - timedelta(days=len(found.by_day)),
            found.first - timedelta(days=1),
        ),
        "abuse": _abuse(found, chosen),
        "processing_time": _processing_time(found),
        "processing_time_newest": NEWEST if found.processing_time.number >= NEWEST else 0,
    }


def _chosen(request: HttpRequest, units: Sequence[BusinessUnit]) -> Chosen:
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
    where it is none, or longer than LONGEST."""
    try:
        begin = date.fromisoformat(request.GET.get("from", ""))
        last = date.fromisoformat(request.GET.get("to", ""))
    except ValueError:
        return None
    # In no time zone is it later than tomorrow.
    last = min(last, datetime.now(UTC).date() + timedelta(days=1))
    days = (last - begin).days + 1
    return (days, last) if 1 <= days <= LONGEST else None


def _periods(chosen: Chosen) -> list[tuple[str, str, bool]]:
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


def _units(seen: Sequence[BusinessUnit], chosen: Chosen) -> list[tuple[int, str, bool]]:
    """Return the selectable units, where there are several: MID, name, whether it is chosen."""
    units = sorted(((one.mid, one.name) for one in seen), key=itemgetter(1))
    return [(mid, name, mid == chosen.mid) for mid, name in units] if len(units) > 1 else []


def _chart(found: Overview, chosen: Chosen) -> Columns:
    chart = columns([(date_format(day.key, "j M"), day.number) for day in found.by_day])
    linked = [
        replace(
            column,
            url=_url_of_days(chosen, day.key, day.key),
            is_unfinished=found.is_unfinished and day.key == found.last,
        )
        for column, day in zip(chart.columns, found.by_day, strict=True)
    ]
    return replace(chart, columns=linked)


def _reasons_over_time(
    found: Overview, chosen: Chosen, series: Sequence[reason_charts.Series]
) -> Stacks | None:
    def link(keys: Sequence[str], first: date, last: date) -> str:
        return _url_of_days(chosen, first, last, _of_reasons(keys))

    return reason_charts.over_time(found, series, link)


def _reasons_by_send(
    found: Overview,
    chosen: Chosen,
    series: Sequence[reason_charts.Series],
    names: Mapping[str, Any],
) -> reason_charts.SendTable | None:
    def link(job: str, keys: Sequence[str]) -> str:
        more = {"job_id": job} | _of_reasons(keys)
        return _url_of_days(chosen, found.first, found.last, more)

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


def _of_reasons(keys: Sequence[str]) -> dict[str, str]:
    """Return the parameters of the requests with any of these reasons; of all for no reasons."""
    if not keys:
        return {}
    if list(keys) == [NONE]:
        return {"reason__isnull": "True"}
    if len(keys) == 1:
        return {"reason__id__exact": keys[0]}
    return {"reason__id__in": ",".join(keys)}


def _names(seen: Sequence[BusinessUnit], found: Overview, chosen: Chosen) -> dict[str, Any]:
    """Return by table the names of its values; what is known of sends is under `sends`, the usual
    rate under `usual`."""
    units = {unit.mid: unit.name for unit in seen}
    lists = {one.key: gettext("List %s") % one.key for one in found.by_list}
    named = MailingList.objects.filter(list_id__in=_ids(found.by_list), unit__in=units)
    lists |= {str(one.list_id): one.name for one in named}
    chosen_reasons = Reason.objects.filter(pk__in=_ids(found.by_reason))
    reasons = {str(reason.pk): reason.label for reason in chosen_reasons}
    mids = list(units) if chosen.mid is None else [chosen.mid]
    counted = set(send_rates.job_ids(one.key for one in found.by_job))
    known = send_rates.of_jobs_and_recent(mids, counted)
    # Of two units' sends with one JobID, that of the unit with more unsubscribes.
    ordered = sorted(known.values(), key=lambda send: send.unsubscribes)
    sends = {send.job_id: send for send in ordered if send.job_id in counted}
    jobs = {one.key: gettext("Send %s") % one.key for one in found.by_job}
    jobs |= {str(job): send.email_name for job, send in sends.items()}
    return {
        "unit": {one.key: unit_words(one.key, units.get(one.key)) for one in found.by_unit} | units,
        "list": lists | {NONE: gettext("No list in the link")},
        "reason": reasons | {NONE: gettext("No reason given")},
        "job": jobs | {NONE: gettext("No send in the link")},
        "channel": {channel.value: str(channel.label) for channel in Channel},
        "sends": sends,
        "usual": send_rates.usual_rate(known.values()),
        "has_centre": any(unit.profile_centre for unit in seen),
    }


def _cards(found: Overview, chosen: Chosen, names: Mapping[str, Any]) -> list[Card]:
    """Return the tables."""

    def table(key: str, title: str, counts: list[Count]) -> Card:
        return _card(found, chosen, key, title, counts, names[key])

    sends = names["sends"]
    return [
        table("unit", gettext("By business unit"), found.by_unit),
        _with_rates(table("job", gettext("By send"), found.by_job), sends, names["usual"]),
        *_emails(found, chosen, sends),
        table("list", gettext("By mailing list"), found.by_list),
        table("reason", gettext("By reason"), found.by_reason),
        table("channel", gettext("By channel"), found.by_channel),
        *_centre(found, chosen, is_offered=names["has_centre"]),
    ]


def _with_rates(card: Card, sends: Mapping[int, SendFacts], usual: float | None) -> Card:
    """Return the table of sends with their rates, and what is usual."""
    remark = gettext("Usual rate: %s (median of the sends of the last 90 days).") % percent(usual)
    return replace(
        card,
        rows=[
            _of_send(row, sends.get(int(row.key)), usual) if row.key else row for row in card.rows
        ],
        has_rates=bool(sends),
        remark=remark if usual is not None else "",
    )


def _of_send(row: Bar, send: SendFacts | None, usual: float | None) -> Bar:
    """Return the row of a send: what it was, when, to how many, and its rate. Where its rate and
    the usual one are known, it stands out by its rate, and not by its number."""
    if send is None:
        return row
    note = row.note
    if send.rate is not None and usual is not None:
        stands_out = send.rate > STANDS_OUT * usual and send.unsubscribes >= AT_LEAST
        note = gettext("Unusually high") if stands_out else ""
    parts = [
        send.subject,
        date_format(send.sent_at, "j N Y") if send.sent_at else "",
        _sent_to(send.number_sent),
    ]
    return replace(
        row,
        detail=" · ".join(filter(None, parts)),
        detail_url=f"{reverse(SENDS)}?q={send.job_id}",
        rate=percent(send.rate),
        note=note,
    )


def _sent_to(number: int | None) -> str:
    return gettext("to %s") % number_format(number, force_grouping=True) if number else ""


def _emails(found: Overview, chosen: Chosen, sends: Mapping[int, SendFacts]) -> list[Card]:
    """Return the table of emails that were sent several times, where there are any: which of them
    people leave by. The rates are those of all unsubscribes from these sends."""
    groups: dict[str, list[SendFacts]] = defaultdict(list)
    for send in sends.values():
        groups[send.email_name].append(send)
    numbers = {int(one.key): one for one in found.by_job if one.key != NONE}
    counts = [
        Count(key=name, number=sum(numbers[send.job_id].number for send in group))
        for name, group in groups.items()
        if len(group) > 1
    ]
    if not counts:
        return []
    counts.sort(key=lambda one: (-one.number, one.key))
    card = _card(found, chosen, "email", gettext("By email"), counts, {})
    rows = [_of_email(row, groups[row.key]) for row in card.rows]
    # Without the period before, of which other sends are.
    return [replace(card, rows=rows, has_rates=True, has_before=False)]


def _of_email(row: Bar, sends: Sequence[SendFacts]) -> Bar:
    """Return the row of an email: how many sends it had, and their rate together."""
    return replace(
        row,
        detail=ngettext("%d send", "%d sends", len(sends)) % len(sends),
        detail_url=_sends_url([send.job_id for send in sends]),
        rate=percent(send_rates.rate_of(sends)),
    )


def _sends_url(jobs: Sequence[int]) -> str:
    """Return the address of the list of these sends."""
    return f"{reverse(SENDS)}?{urlencode({'job_id__in': ','.join(map(str, sorted(jobs)))})}"


def _abuse(found: Overview, chosen: Chosen) -> Task | None:
    """Return the number of unsubscribes whose reason says that the emails were not asked for, with
    a link to exactly these; None where there are none."""
    numbers = {str(one.key): one.number for one in found.by_reason}
    given = Reason.objects.filter(is_abuse=True, pk__in=_ids(found.by_reason)).order_by("pk")
    keys = [str(key) for key in given.values_list("pk", flat=True)]
    number = sum(numbers[key] for key in keys)
    if not number:
        return None
    url = _requests_url(found, chosen, "reason__id__in", ",".join(keys))
    text = ngettext("%d counts as abuse", "%d count as abuse", number) % number
    return Task(text=text, url=url)


def _ids(counts: list[Count]) -> list[Any]:
    """Return the keys without the one of requests that have no value."""
    return [one.key for one in counts if one.key != NONE]


def _centre(found: Overview, chosen: Chosen, *, is_offered: bool) -> list[Card]:
    """Return the table of the other kinds of requests, where one of the user's units has a profile
    centre."""
    if not (is_offered or found.by_kind):
        return []
    kinds = {kind.value: str(kind.label) for kind in Kind}
    card = _card(found, chosen, "kind", gettext("Preference center"), found.by_kind, kinds)
    return [replace(card, counts=gettext("Requests"))]


def _card(  # noqa: PLR0917
    found: Overview,
    chosen: Chosen,
    key: str,
    title: str,
    counts: list[Count],
    names: Mapping[Any, str],
) -> Card:
    """Return a table, each row with a link to exactly the requests that it counts. Shown are the
    TOP largest, or all where the user asked for this table in full."""
    shown = counts if chosen.full == key else counts[:TOP]
    hidden = counts[len(shown) :]
    return Card(
        title=title,
        key=key,
        rows=bars(
            [
                Bar(
                    key=str(one.key),
                    label=names.get(one.key) or str(one.key),
                    number=one.number,
                    before=one.before,
                    note=gettext("Unusually high") if one.stands_out else "",
                    url=_requests_url(found, chosen, _PARAMETERS[key], one.key),
                    before_url=_requests_url(found, chosen, _PARAMETERS[key], one.key, before=True),
                )
                for one in shown
            ]
        ),
        hidden=len(hidden),
        hidden_number=sum(one.number for one in hidden),
        full_url=f"{chosen.url(full=key)}#by-{key}",
    )


def _requests_url(
    found: Overview, chosen: Chosen, parameter: str, key: Any, *, before: bool = False
) -> str:
    """Return the address of the list of exactly the requests that a number of the overview counts:
    of its period or of the one before, of the chosen unit, and without those that the overview
    leaves out."""
    length = timedelta(days=(found.last - found.first).days + 1 if before else 0)
    without = {"reason__id__exact": ("reason__isnull", "True")}.get(parameter, (parameter, WITHOUT))
    name, value = without if key == NONE else (parameter, str(key))
    return _url_of_days(chosen, found.first - length, found.last - length, {name: value})


def _url_of_days(
    chosen: Chosen,
    first: date,
    last: date,
    more: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the address of the list of the requests that the overview counts on these days,
    filtered by more."""
    query = {
        "received_at_from": first.isoformat(),
        "received_at_to": last.isoformat(),
        "counted": "yes",
    }
    if _KIND not in more:
        query[_KIND] = Kind.UNSUBSCRIBE.value
    if chosen.mid is not None:
        query["unit__mid__exact"] = str(chosen.mid)
    return f"{reverse(LIST)}?{urlencode(query | dict(more))}"


def _release(request: HttpRequest) -> list[Task]:
    """Return the task to release what is held after a restore, for users who may see it."""
    if not (request.user.has_perm("unsub.view_restorehold") and restoring.is_holding()):
        return []
    text = gettext(
        "The database was restored. Changes and emails are on hold until you release them"
    )
    return [Task(text=text, url=reverse("admin:unsub_restorehold_changelist"))]


def _spikes(found: Overview, units: Mapping[int, str]) -> list[Task]:
    """Return the units and sends with far more unsubscribes than usual, each with a link to exactly
    the requests behind it."""
    text = gettext("Far more unsubscribes than usual: %s")
    return [
        Task(text=text % _spike_in_words(alarm, units), url=alarm_requests_url(alarm))
        for alarm in found.waiting.alarms
        if alarm.cause in _SPIKES
    ]


def _spike_in_words(alarm: Alarm, units: Mapping[int, str]) -> str:
    """Return what is unusual. The detail of a send names it."""
    if alarm.cause == Cause.SEND_SPIKE:
        return alarm.detail
    number = number_format(alarm.number, force_grouping=True)
    return f"{unit_words(alarm.mid, units.get(alarm.mid))}, {number} ({alarm.detail})"


def _tasks(found: Overview, chosen: Chosen) -> list[Task]:
    """Return what a person has to do, most urgent first."""
    waiting, requests = found.waiting, reverse(LIST)
    offered = (
        (
            waiting.late,
            ngettext(
                "%d request is overdue (more than 48 hours)",
                "%d requests are overdue (more than 48 hours)",
                waiting.late,
            ),
            f"{requests}?late=yes",
        ),
        (
            waiting.held,
            ngettext("%d request is on hold", "%d requests are on hold", waiting.held),
            f"{requests}?status__exact=held",
        ),
        (
            waiting.refused,
            ngettext("%d request was refused", "%d requests were refused", waiting.refused),
            f"{requests}?status__exact=refused&handled=no",
        ),
        (
            waiting.lost_links,
            ngettext(
                "%d manual request is open", "%d manual requests are open", waiting.lost_links
            ),
            reverse("admin:unsub_lostlink_changelist"),
        ),
        (
            waiting.erasures,
            ngettext(
                "%d deletion request is open", "%d deletion requests are open", waiting.erasures
            ),
            reverse("admin:unsub_erasure_changelist"),
        ),
        (
            len(waiting.alarms),
            ngettext("%d alert is open", "%d alerts are open", len(waiting.alarms)),
            f"{reverse('admin:unsub_alarm_changelist')}?state=open",
        ),
    )  # fmt: skip
    return [
        Task(text=text % number, url=_of_unit(url, chosen))
        for number, text, url in offered
        if number
    ]


def _of_unit(url: str, chosen: Chosen) -> str:
    """Return the address of a list, limited to the chosen unit."""
    if chosen.mid is None:
        return url
    is_alarm = url.startswith(reverse("admin:unsub_alarm_changelist"))
    name = "mid__exact" if is_alarm else "unit__mid__exact"
    return f"{url}{'&' if '?' in url else '?'}{name}={chosen.mid}"


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
