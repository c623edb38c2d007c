"""The main page of the profile centre: the subscriber's lists, subscribing and unsubscribing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.models import Channel, Kind
from unsub.outbox.api import Change, Wish
from unsub.preferences import form_snapshot, snapshot
from unsub.preferences.current_state import Present, Subscription
from unsub.preferences.form_snapshot import Drawn
from unsub.web.http import SeeOther, page, read_form
from unsub.web.page_context import Visit
from unsub.web.signed_link import EVERYTHING

from .access import entered
from .common import ask, facts_of, page_of, show_as
from .pauses import DAYS, pauses_of

LISTS_MAX = 500  # list IDs that one form may contain
AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The changes in a form, compared with the snapshot that it was rendered with."""

    leaving: tuple[int, ...] = ()
    joining: tuple[int, ...] = ()

    def leaves_on(self, one: Subscription) -> bool:
        """Return whether a list is subscribed after these changes."""
        return one.list_id in self.joining or (one.is_on and one.list_id not in self.leaving)


@entered("GET", "HEAD", "POST")
def centre(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return the page, or the response to its form."""
    if request.method == "POST":
        return _submit(visit, read_form(request))
    return _show(visit, saved="saved" in request.GET)


def _show(
    visit: Visit, *, saved: bool = False, problem: str = "", chosen: Chosen | None = None
) -> HttpResponse:
    """Return the page; without the lists where Marketing Cloud does not answer.

    `chosen` are the changes of a submission that was not accepted (`problem`, 409), to be shown
    again.
    """
    now = show_as(visit)
    shown = _lists(visit, now, chosen or Chosen()) if now.seen.shows_lists else _known(visit)
    names = dict(shown["known"]) | {one.list_id: one.name for one in shown["lists"] or ()}
    pauses = pauses_of(visit, names)
    context = (
        page_of(visit, now, "centre")
        | shown
        | {
            "saved": saved,
            "problem": problem,
            "details": facts_of(now) if visit.sender.profile_details else [],
            "pauses": pauses,
            "can_pause": visit.sender.offers_pause and shown["lists"] and not now.left_everything,
            "pause_days": DAYS,
        }
    )
    return page("unsub/centre.html", context, status=409 if problem else 200)


def _lists(visit: Visit, now: Present, chosen: Chosen) -> dict[str, Any]:
    """Return the context of the lists, and the signed snapshot of it."""
    lists = now.subscriptions()
    of = Drawn(
        on=tuple(one.list_id for one in lists if one.is_on),
        off=tuple(one.list_id for one in lists if not one.is_on),
        wording=form_snapshot.mark(visit.sender.consent),
    )
    lists = [replace(one, is_on=chosen.leaves_on(one)) for one in lists]
    return {
        "lists": lists,
        "known": [],
        "can_join": bool(of.off),
        "drawn": form_snapshot.draw(visit.link.context, of),
    }


def _known(visit: Visit) -> dict[str, Any]:
    """Return the lists to unsubscribe from where Marketing Cloud does not say which of them the
    subscriber receives."""
    context = visit.link.context
    try:
        known = snapshot.known_lists(context.mid)
    except (DatabaseError, InterfaceError):
        known = []
    wording = form_snapshot.mark(visit.sender.consent)
    of = Drawn(on=tuple(number for number, _ in known), wording=wording, is_known=False)
    return {"lists": None, "known": known, "drawn": form_snapshot.draw(context, of)}


def _submit(visit: Visit, form: QueryDict) -> HttpResponse:
    """Store a request for each change and redirect back; 409 with the page where the snapshot
    expired, or the consent text has changed since."""
    context = visit.link.context
    if EVERYTHING in form:
        wish = Wish(
            token=visit.link.token, context=context.for_everything(), channel=Channel.PROFILE,
            language=visit.language,
        )  # fmt: skip
        there = replace(visit.link, everything=True).url("done")
        return ask(visit, [wish]) or SeeOther(there)
    of = form_snapshot.read(context, form.get("drawn", ""))
    if of is None:
        return _show(visit, problem="old")
    if AGAIN in form:
        chosen, change = Chosen(), True
    else:
        chosen, change = choice(of, form), False
    is_agreed = form_snapshot.is_mark_of(of.wording, visit.sender.consent)
    if (chosen.joining or change) and not is_agreed:
        return _show(visit, problem="wording", chosen=chosen)
    wishes = list(_wishes(visit, chosen, again=change))
    back = visit.link.url("centre", saved="1" if wishes else "")
    return ask(visit, wishes) or SeeOther(back)


def choice(of: Drawn, form: QueryDict) -> Chosen:
    """Return what was changed on the page since it was rendered. Changes made meanwhile in another
    tab are not among it."""
    kept = _numbers(form.getlist("keep"))
    if not of.is_known:
        # The page could not show what is subscribed: the ticked lists are unsubscribed from.
        left = _numbers(form.getlist("leave"))
        return Chosen(leaving=tuple(one for one in of.on if one in left))
    return Chosen(
        leaving=tuple(one for one in of.on if one not in kept),
        joining=tuple(one for one in of.off if one in kept),
    )


def _numbers(texts: list[str]) -> frozenset[int]:
    """Return the list IDs in a form's values."""
    usable = (text for text in texts[:LISTS_MAX] if text.isascii() and text.isdigit())
    return frozenset(int(text) for text in usable if len(text) < 10)


def _wishes(visit: Visit, chosen: Chosen, *, again: bool) -> Iterator[Wish]:
    """Yield a request for each list, and for resubscribing (`again`)."""
    context = visit.link.context
    common: dict[str, Any] = {
        "token": visit.link.token, "channel": Channel.PROFILE, "language": visit.language,
    }  # fmt: skip
    for number in chosen.leaving:
        yield Wish(context=context.for_list(number), **common)
    for number in chosen.joining:
        change = Change(kind=Kind.SUBSCRIBE, wording=visit.sender.consent)
        yield Wish(context=context.for_list(number), change=change, **common)
    if again:
        change = Change(kind=Kind.RESUBSCRIBE, wording=visit.sender.consent)
        yield Wish(context=context.for_everything(), change=change, **common)
