"""Pausing a list, or all email; and ending a pause early."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.domain.context import Scope
from unsub.domain.target import EVERYTHING
from unsub.models import Channel, Pause, PauseEndAction, Status
from unsub.outbox import api as outbox
from unsub.outbox.api import Submission
from unsub.preferences import form_snapshot, snapshot
from unsub.web.http import Saved, SeeOther, read_form, unavailable
from unsub.web.page_context import PageContext

from .access import profile_centre_view
from .common import submit_all

DAYS = (30, 60, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPause:
    """A running pause, for display. `name` is empty for a pause of all email. `can_undo`: no call
    was made for it yet, so that ending it leaves no trace in Marketing Cloud."""

    id: int
    name: str
    until: datetime
    puts_back: bool
    can_undo: bool


def pauses_of(page_context: PageContext, names: Mapping[int, str]) -> list[RunningPause]:
    """Return the subscriber's running pauses, with the names of their lists; none where the
    database does not answer."""
    if page_context.link.context.is_test:
        return []
    try:
        found = outbox.running_pauses(page_context.link.context)
    except (DatabaseError, InterfaceError):
        return []
    return [_shown(pause, names) for pause in found]


def _shown(pause: Pause, names: Mapping[int, str]) -> RunningPause:
    left = pause.request
    number = left.list_id or 0
    return RunningPause(
        id=pause.pk,
        name="" if left.target == EVERYTHING else names.get(number, str(number)),
        until=pause.until,
        puts_back=pause.end_action == PauseEndAction.PUT_BACK,
        can_undo=left.attempts == 0 and left.status == Status.PENDING,
    )


@profile_centre_view("POST")
def pause(request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Begin or end a pause as the form says, and redirect to the profile centre."""
    form = read_form(request)
    if "end" in form or "stay" in form:
        return _end(page_context, form)
    submission = _leaving(page_context, form)
    if submission is None:
        return _back(page_context, saved=False)
    return submit_all(page_context, [submission]) or _back(page_context, saved=True)


def _back(page_context: PageContext, *, saved: bool) -> HttpResponse:
    """Return the redirect to the main page, which says that the change is saved if it is."""
    return SeeOther(page_context.link.url("centre", saved="1" if saved else ""))


def _leaving(page_context: PageContext, form: QueryDict) -> Submission | None:
    """Return the unsubscribe that begins a pause, or None where the form is invalid."""
    context, what, days = page_context.link.context, form.get("what", ""), form.get("days", "")
    shown = form_snapshot.loads(context, form.get("snapshot", ""))
    # Unknown without the database: `outbox.store` checks again when it stores the request.
    is_offered = page_context.brand.offers_pause or page_context.brand.is_unread
    if not is_offered or shown is None or days not in {str(one) for one in DAYS}:
        return None
    if what == Scope.ALL:
        context = context.for_everything()
    elif what in {str(number) for number in shown.on}:
        context = context.for_list(int(what))
    else:
        return None
    return Submission(
        token=page_context.link.token, context=context, channel=Channel.PROFILE,
        language=page_context.language, pause_days=int(days),
    )  # fmt: skip


def _end(page_context: PageContext, form: QueryDict) -> HttpResponse:
    """End one of the subscriber's pauses, by subscribing again (`end`) or staying unsubscribed
    (`stay`). Return the redirect, or the 503 page. Nothing is saved where the pause is over, as
    after another button in another tab."""
    chosen, ended = form.get("end") or form.get("stay"), False
    try:
        for one in outbox.running_pauses(page_context.link.context):
            if str(one.pk) == chosen:
                ended = outbox.end_pause(
                    one, token=page_context.link.token, subscribe="end" in form
                )
    except (DatabaseError, InterfaceError):
        return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    snapshot.forget(page_context.link.context.mid, page_context.link.context.subscriber)
    return _back(page_context, saved=ended)
