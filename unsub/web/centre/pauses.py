"""Pausing a list, or all email; and ending a pause early."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.domain.context import Scope
from unsub.domain.target import EVERYTHING
from unsub.models import Channel, Pause, PauseEnds
from unsub.outbox import api as outbox
from unsub.outbox.api import Wish
from unsub.outbox.pauses import coming_back
from unsub.preferences import form_snapshot, snapshot
from unsub.web.http import SeeOther, page, read_form, with_retry
from unsub.web.page_context import Visit

from .access import entered
from .common import ask

DAYS = (30, 60, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running pause, for display. `name` is empty for a pause of all email."""

    id: int
    name: str
    until: datetime
    puts_back: bool


def pauses_of(visit: Visit, names: Mapping[int, str]) -> list[Running]:
    """Return the subscriber's running pauses, with the names of their lists; none where the
    database does not answer."""
    if visit.link.context.is_test:
        return []
    try:
        found = outbox.running_pauses(visit.link.context)
    except (DatabaseError, InterfaceError):
        return []
    return [_shown(pause, names) for pause in found]


def _shown(pause: Pause, names: Mapping[int, str]) -> Running:
    left = pause.request
    number = left.list_id or 0
    return Running(
        id=pause.pk,
        name="" if left.target == EVERYTHING else names.get(number, str(number)),
        until=pause.until,
        puts_back=pause.ends == PauseEnds.PUT_BACK,
    )


@entered("POST")
def pause(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Begin or end a pause as the form says, and redirect to the profile centre."""
    form = read_form(request)
    back = SeeOther(visit.link.url("centre", saved="1"))
    if "end" in form or "stay" in form:
        return _end(visit, form) or back
    wish = _leaving(visit, form)
    if wish is None:
        return SeeOther(visit.link.url("centre"))
    return ask(visit, [wish]) or back


def _leaving(visit: Visit, form: QueryDict) -> Wish | None:
    """Return the unsubscribe that begins a pause, or None where the form is invalid."""
    context, what, days = visit.link.context, form.get("what", ""), form.get("days", "")
    of = form_snapshot.read(context, form.get("drawn", ""))
    # Unknown without the database: `outbox.store` checks again when it stores the request.
    is_offered = visit.sender.offers_pause or visit.sender.is_unread
    if not is_offered or of is None or days not in {str(one) for one in DAYS}:
        return None
    if what == Scope.ALL:
        context = context.for_everything()
    elif what in {str(number) for number in of.on}:
        context = context.for_list(int(what))
    else:
        return None
    return Wish(
        token=visit.link.token, context=context, channel=Channel.PROFILE,
        language=visit.language, pause_days=int(days),
    )  # fmt: skip


def _end(visit: Visit, form: QueryDict) -> HttpResponse | None:
    """End one of the subscriber's pauses, by subscribing again (`end`) or staying unsubscribed
    (`stay`). Return None, or the 503 page."""
    chosen = form.get("end") or form.get("stay")
    try:
        for one in outbox.running_pauses(visit.link.context):
            if str(one.pk) == chosen:
                back = coming_back(one, token=visit.link.token) if "end" in form else None
                outbox.end_pause(one, back)
    except (DatabaseError, InterfaceError):
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    snapshot.forget(visit.link.context.mid, visit.link.context.subscriber)
    return None
