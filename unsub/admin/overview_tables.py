"""The overview's tables: by unit, send, email, list, reason, channel and kind, each row with a link
to the requests that it counts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext

from unsub.models import BusinessUnit, Channel, Kind, MailingList, Reason
from unsub.models.daily_count import NONE
from unsub.reporting import send_rates
from unsub.reporting.overview import AT_LEAST, STANDS_OUT, Count, Overview
from unsub.reporting.send_rates import SendFacts

from .charts import Bar, bars
from .formatting import unit_words
from .overview_choice import Chosen
from .overview_links import KIND, requests_url
from .sends import percent

SENDS = "admin:unsub_send_changelist"
TOP = 10  # rows of a table before it is shown in full
# Table, and the filter of the list of requests that its rows set.
PARAMETERS = {
    "unit": "unit__mid__exact",
    "job": "job_id",
    "list": "list",
    "reason": "reason__id__exact",
    "channel": "channel__exact",
    "kind": KIND,
    "email": "email",
}


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


def names_of(seen: Sequence[BusinessUnit], found: Overview, chosen: Chosen) -> dict[str, Any]:
    """Return by table the names of its values; what is known of sends is under `sends`, the usual
    rate under `usual`."""
    units = {unit.mid: unit.name for unit in seen}
    lists = {one.key: gettext("List %s") % one.key for one in found.by_list}
    named = MailingList.objects.filter(list_id__in=ids(found.by_list), unit__in=units)
    lists |= {str(one.list_id): one.name for one in named}
    chosen_reasons = Reason.objects.filter(pk__in=ids(found.by_reason))
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


def cards(found: Overview, chosen: Chosen, names: Mapping[str, Any]) -> list[Card]:
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
                    url=requests_url(found, chosen, PARAMETERS[key], one.key),
                    before_url=requests_url(found, chosen, PARAMETERS[key], one.key, before=True),
                )
                for one in shown
            ]
        ),
        hidden=len(hidden),
        hidden_number=sum(one.number for one in hidden),
        full_url=f"{chosen.url(full=key)}#by-{key}",
    )


def ids(counts: list[Count]) -> list[Any]:
    """Return the keys without the one of requests that have no value."""
    return [one.key for one in counts if one.key != NONE]
