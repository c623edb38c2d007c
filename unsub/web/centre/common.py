"""Helpers that the pages of the profile centre share: reading the current state, storing
requests."""

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
    """Return the current state: Marketing Cloud's data with the subscriber's newer requests
    applied."""
    context = visit.link.context
    details = visit.sender.profile_details
    seen = snapshot.look(context.mid, context.subscriber, details=details)
    return present(seen, wishes_of(visit))


def facts_of(now: Present) -> list[tuple[str, str]]:
    """Return (label, value) of the subscriber's attributes, for display: addresses are masked,
    dates and booleans localised. Empty where the profile could not be read."""
    if now.seen.profile is None:
        return []
    return [
        (one.label, readable(one, now.attribute(one.name)))
        for one in fields_of(now.seen.definitions or ())
    ]


def readable(field: Field, raw: str) -> str:
    """Return a value as text for display."""
    text = field.masked(raw)
    if field.asks is Asks.DATE and (day := date_of(text)):
        return date_format(day)
    if field.asks is Asks.YES_NO:
        return {YES: gettext("Yes"), NO: gettext("No")}.get(text, text)
    return text


def wishes_of(visit: Visit) -> list[UnsubRequest]:
    """Return the subscriber's requests that are not yet visible in Marketing Cloud's data; none
    where the database does not answer."""
    if visit.link.context.is_test:
        return []
    try:
        return outbox.recent(visit.link.context, JUST_DONE)
    except (DatabaseError, InterfaceError):
        return []


def page_of(visit: Visit, now: Present, name: str) -> dict[str, Any]:
    """Return the template context that all pages of the profile centre share.

    The masked address comes from Marketing Cloud where it could be read, else from the link.
    """
    context = visit.as_context() | {
        "now": now,
        "languages": visit.languages(name),
        # Set even where the database does not answer: the reader is already in the profile centre.
        "centre_url": visit.link.url("centre"),
    }
    if now.seen.profile and now.seen.profile.email_address:
        context |= {"masked": mask_email(now.seen.profile.email_address), "is_address": True}
    return context


def ask(visit: Visit, wishes: Iterable[Wish]) -> HttpResponse | None:
    """Store requests. Return None on success, else the 503 page.

    Discards the cached profile, so that the next page shows what changed.
    """
    try:
        for wish in wishes:
            outbox.enqueue(wish)
    except outbox.Unavailable:
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    snapshot.forget(visit.link.context.mid, visit.link.context.subscriber)
    return None
