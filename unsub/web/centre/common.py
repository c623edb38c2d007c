"""What the pages of the profile centre share: how things stand, and having wishes kept."""

from collections.abc import Iterable
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext

from unsub.domain.masking import mask_email
from unsub.models import UnsubRequest
from unsub.outbox import api as outbox
from unsub.outbox.api import Wish
from unsub.preferences import snapshot
from unsub.preferences.attributes import NO, YES, Asks, Field, date_of, fields_of
from unsub.preferences.current_state import JUST_DONE, Present, present
from unsub.web.http import page, with_retry
from unsub.web.page_context import Visit


def show_as(visit: Visit) -> Present:
    """Return how things stand: as Marketing Cloud says, and as the person has asked since."""
    context = visit.link.context
    details = visit.sender.profile_details
    seen = snapshot.look(context.mid, context.subscriber, details=details)
    return present(seen, wishes_of(visit))


def facts_of(now: Present) -> list[tuple[str, str]]:
    """Return labels and values of what is known of somebody, to be read: addresses are masked, days
    and answers are in the language of the page. Empty where it could not be read."""
    if now.seen.profile is None:
        return []
    return [
        (one.label, readable(one, now.attribute(one.name)))
        for one in fields_of(now.seen.definitions or ())
    ]


def readable(field: Field, raw: str) -> str:
    """Return a value as people read it."""
    text = field.masked(raw)
    if field.asks is Asks.DATE and (day := date_of(text)):
        return date_format(day)
    if field.asks is Asks.YES_NO:
        return {YES: gettext("Yes"), NO: gettext("No")}.get(text, text)
    return text


def wishes_of(visit: Visit) -> list[UnsubRequest]:
    """Return the person's wishes that still say something; none where the database is away."""
    if visit.link.context.is_test:
        return []
    try:
        return outbox.recent(visit.link.context, JUST_DONE)
    except (DatabaseError, InterfaceError):
        return []


def page_of(visit: Visit, now: Present, name: str) -> dict[str, Any]:
    """Return what every page of the profile centre shows; the address on file, masked, where it
    could be read and the link does not say it."""
    context = visit.as_context() | {
        "now": now,
        "languages": visit.languages(name),
        # Also where the database does not say that there is one: somebody is in it.
        "centre_url": visit.link.url("centre"),
    }
    if now.seen.profile and now.seen.profile.email_address:
        context |= {"masked": mask_email(now.seen.profile.email_address), "is_address": True}
    return context


def ask(visit: Visit, wishes: Iterable[Wish]) -> HttpResponse | None:
    """Have wishes kept. Return nothing once they are, or the page that says that they are not."""
    try:
        for wish in wishes:
            outbox.enqueue(wish)
    except outbox.Unavailable:
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    snapshot.forget(visit.link.context.mid, visit.link.context.subscriber)
    return None
