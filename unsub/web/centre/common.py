"""Helpers that the pages of the profile centre share: reading the current state, storing
requests."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext

from unsub.domain.masking import mask_email
from unsub.models import SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox.api import Submission
from unsub.preferences import snapshot
from unsub.preferences.attributes import NO, YES, Field, InputType, date_of, fields_of
from unsub.preferences.current_state import JUST_DONE, CurrentState, current_state
from unsub.preferences.forms import FORMATS
from unsub.preferences.offered_lists import with_own_lists
from unsub.preferences.topics import OfferedTopic, topics_of
from unsub.web.http import Saved, unavailable
from unsub.web.page_context import PageContext

HIDDEN = "•••"  # in place of a value


def load_state(page_context: PageContext) -> CurrentState:
    """Return the current state: Marketing Cloud's data with the subscriber's newer requests
    applied."""
    context = page_context.link.context
    details = page_context.brand.profile_details
    topics = offered_topics(page_context) or ()
    profile_snapshot = snapshot.fetch(
        context.mid, context.subscriber, details=details, topics=topics
    )
    profile_snapshot = with_own_lists(
        profile_snapshot, page_context.brand.lists, page_context.language
    )
    return current_state(profile_snapshot, recent_requests(page_context), topics)


def offered_topics(page_context: PageContext) -> tuple[OfferedTopic, ...] | None:
    """Return the unit's topics in the language of the page; None where the database does not
    answer."""
    try:
        found = topics_of(page_context.link.context.mid)
    except (DatabaseError, InterfaceError):
        return None
    return tuple(one.in_language(page_context.language) for one in found)


def facts_of(page_context: PageContext, state: CurrentState) -> list[tuple[str, str]]:
    """Return (label, value) of the subscriber's attributes, for display: addresses are masked,
    dates and booleans localised. Empty where the profile could not be read."""
    if state.snapshot.profile is None:
        return []
    return [
        (one.label, readable(page_context, one, state.attribute(one.name)))
        for one in details_of(state)
    ]


def details_of(state: CurrentState) -> tuple[Field, ...]:
    """Return the subscriber's details: the viewable attributes that are no topics."""
    topics = {one.column for one in state.offered_topics if one.row is None}
    return tuple(
        one for one in fields_of(state.snapshot.definitions or ()) if one.name not in topics
    )


def own_facts(page_context: PageContext, state: CurrentState) -> list[tuple[str, str]]:
    """Return (label, value) of the address, masked, and of the email format, for display. Empty
    where the profile could not be read."""
    if state.snapshot.profile is None:
        return []
    masked = mask_email(state.snapshot.profile.email_address)
    chosen = dict(FORMATS).get(state.email_type, state.email_type)
    return [
        (gettext("Email address"), masked if state.snapshot.profile.email_address else ""),
        (gettext("Email format"), str(chosen) if page_context.shows_details else HIDDEN),
    ]


def readable(page_context: PageContext, field: Field, raw: str) -> str:
    """Return a value as text for display; only whether there is one, where the link is not enough
    to show details."""
    text = field.masked(raw)
    if text and not page_context.shows_details:
        return HIDDEN
    if field.input_type is InputType.DATE and (day := date_of(text)):
        return date_format(day)
    if field.input_type is InputType.YES_NO:
        return {YES: gettext("Yes"), NO: gettext("No")}.get(text, text)
    return text


def recent_requests(
    page_context: PageContext, since: timedelta = JUST_DONE
) -> list[SubscriberRequest]:
    """Return the subscriber's requests that are open or ended within `since`: by default those that
    are not yet visible in Marketing Cloud's data. None where the database does not answer."""
    if page_context.link.context.is_test:
        return []
    try:
        return outbox.recent(page_context.link.context, since)
    except (DatabaseError, InterfaceError):
        return []


def page_of(page_context: PageContext, state: CurrentState, name: str) -> dict[str, Any]:
    """Return the template context that all pages of the profile centre share.

    The masked address comes from Marketing Cloud where it could be read, else from the link.
    """
    context = page_context.as_context() | {
        "now": state,
        "languages": page_context.languages(name),
        # Set even where the database does not answer: the reader is already in the profile centre.
        "centre_url": page_context.link.url("centre"),
    }
    if state.snapshot.profile and state.snapshot.profile.email_address:
        context |= {"masked": mask_email(state.snapshot.profile.email_address), "is_address": True}
    return context


def submit_all(page_context: PageContext, submissions: Iterable[Submission]) -> HttpResponse | None:
    """Store requests. Return None on success, else the 503 page, which says whether some were
    stored.

    Discards the cached profile, so that the next page shows what changed.
    """
    saved = Saved.NOTHING
    try:
        for submission in submissions:
            outbox.submit(submission)
            saved = Saved.SOME
    except outbox.UnavailableError:
        return unavailable(page_context.as_context(), saved=saved)
    context = page_context.link.context
    snapshot.forget(context.mid, context.subscriber, offered_topics(page_context) or ())
    return None
