"""The profile centre: which lists somebody gets, and leaving any of them (design 3.1)."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from unsub import metrics, outbox, throttle
from unsub.context import UnsubContext
from unsub.models import Channel, Status, UnsubRequest
from unsub.outbox import Wish
from unsub.privacy import keyed_digest
from unsub.profile import reading
from unsub.profile.reading import Subscription

from .answers import SeeOther, page, plain, with_retry
from .link import EVERYTHING, Link, linked
from .posted import TooLarge, read_form
from .visit import Visit, visiting

LISTS_MAX = 200  # ListIDs that one form may name
TIMES, SECONDS = 60, 3600  # changes with one link
JUST_DONE = timedelta(seconds=2 * reading.PERSON_FOR)
_ON_ITS_WAY = (Status.PENDING, Status.SENDING, Status.HELD)


@linked("GET", "HEAD", "POST")
def centre(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page, or the answer to its form. Where the unit has no profile centre, or the link
    is too old for one, unsubscribing is what it leads to."""
    with visiting(request, link) as visit:
        # Without the database nobody can say; and leaving is everybody's right.
        if not visit.sender.profile_centre and visit.sender.reasons is not None:
            return SeeOther(link.url("unsubscribe"))
        if not is_fresh(link.context, days=visit.sender.profile_days, now=time.time()):
            return page("unsub/centre_old.html", visit.as_context())
        if request.method != "POST":
            return _show(visit, saved="saved" in request.GET)
        try:
            return _submit(visit, read_form(request))
        except TooLarge:
            return plain("The request is too large.", status=413)


def is_fresh(context: UnsubContext, *, days: int, now: float) -> bool:
    """Return whether a link is young enough to show what somebody gets: before its `exp`, or made
    at most `days` ago where it has none. One that says neither is not."""
    if context.expires_at is not None:
        return not context.is_expired(now)
    return context.issued_at is not None and now - context.issued_at <= days * 86_400


def _show(visit: Visit, *, saved: bool) -> HttpResponse:
    """Return the page with the lists; without them where Marketing Cloud does not answer."""
    context = visit.link.context
    found = reading.subscriptions(context.mid, context.subscriber)
    shown: dict[str, Any] = {
        "saved": saved,
        "read": found is not None,
        "languages": visit.languages("centre"),
    }
    if found is not None:
        asked = _asked(visit, found)
        shown |= {
            "on": [one for one in found if one.is_on and one.list_id not in asked],
            "leaving": [one for one in found if one.list_id in asked],
            "off": [one for one in found if not one.is_on and one.list_id not in asked],
        }
    return page("unsub/centre.html", visit.as_context() | shown)


def _asked(visit: Visit, found: tuple[Subscription, ...]) -> set[int]:
    """Return the lists of those found that somebody asked to leave and that still show as on."""
    context = visit.link.context
    on = [one.list_id for one in found if one.is_on]
    if context.is_test or not on:
        return set()
    try:
        wishes = outbox.find_all(context.for_list(number) for number in on)
    except (DatabaseError, InterfaceError):
        return set()
    return {number for number, wish in zip(on, wishes, strict=True) if wish and _is_leaving(wish)}


def _is_leaving(wish: UnsubRequest) -> bool:
    """Return whether a wish is on its way, or so newly done that what was read may be older."""
    if wish.status == Status.DONE and wish.finished_at:
        return timezone.now() - wish.finished_at < JUST_DONE
    return wish.status in _ON_ITS_WAY


def _submit(visit: Visit, form: QueryDict) -> HttpResponse:
    """Return the way back to the page once every list that was unticked is a wish."""
    link = visit.link
    if link.context.is_test:
        metrics.TEST_LINKS.labels(channel=Channel.PROFILE.value).inc()
        return SeeOther(link.url("centre", saved="1"))
    who = keyed_digest(link.token, secret=settings.SECRET_KEY, purpose="profile")
    if not throttle.may("profile", who, times=TIMES, seconds=SECONDS):
        return page("unsub/too_many.html", visit.as_context(), status=429)
    if EVERYTHING in form:
        leaving = [link.context.for_everything()]
    else:
        leaving = [link.context.for_list(number) for number in left(form)]
    try:
        for context in leaving:
            outbox.enqueue(
                Wish(
                    token=link.token, context=context, channel=Channel.PROFILE,
                    language=visit.language,
                )
            )  # fmt: skip
    except outbox.Unavailable:
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    reading.forget(link.context.mid, link.context.subscriber)
    if EVERYTHING in form:
        return SeeOther(replace(link, everything=True).url("done"))
    return SeeOther(link.url("centre", saved="1" if leaving else ""))


def left(form: QueryDict) -> list[int]:
    """Return the ListIDs that were ticked when the page was drawn and are not any more. What
    somebody joined meanwhile, in another tab, is not among them."""
    kept = set(form.getlist("keep"))
    shown = dict.fromkeys(form.getlist("shown")[:LISTS_MAX])
    numbers = [text for text in shown if text.isascii() and text.isdigit() and len(text) < 10]
    return [int(text) for text in numbers if text not in kept and int(text) > 0]
