"""What a person has to do, at the top of the overview: each with a link to where it is done."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from unsub.models import Alarm, Cause
from unsub.outbox import restoring
from unsub.reporting.overview import Overview

from .alarm_advice import requests_url as alarm_requests_url
from .formatting import unit_words
from .overview_choice import Chosen
from .overview_links import LIST

_SPIKES = (Cause.SPIKE, Cause.SEND_SPIKE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that a person has to do, with a link to it."""

    text: str
    url: str


def tasks(
    request: HttpRequest, found: Overview, chosen: Chosen, units: Mapping[int, str]
) -> list[Task]:
    """Return what a person has to do, most urgent first: to release what is held after a restore,
    to look at what is unusual, and what waits for a decision."""
    return [*_release(request), *_spikes(found, units), *_waiting(found, chosen)]


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


def _waiting(found: Overview, chosen: Chosen) -> list[Task]:
    """Return what waits for a decision, most urgent first."""
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
