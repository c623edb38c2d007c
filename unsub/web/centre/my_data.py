"""Data subject requests: display and download of the data stored about a subscriber, and asking for
erasure."""

from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from unsub.outbox import api as outbox
from unsub.preferences import data_export
from unsub.preferences.current_state import CurrentState
from unsub.web.http import Saved, SeeOther, page, unavailable
from unsub.web.page_context import PageContext

from .access import profile_centre_view
from .common import facts_of, load_state, own_facts, page_of


@profile_centre_view("GET", "HEAD")
def yours(_request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return the page with the data in Marketing Cloud and here. Addresses are masked."""
    state = load_state(page_context)
    try:
        requests = data_export.exported_requests(page_context.link.context, _names(state))
        was_asked = outbox.has_open_erasure(page_context.link.context)
    except (DatabaseError, InterfaceError):
        return unavailable(page_context.as_context(), saved=Saved.NOT_ASKED)
    context: dict[str, Any] = {
        "details": own_facts(page_context, state) + facts_of(page_context, state),
        "lists": state.subscriptions(),
        "requests": [one for one in requests if one.is_own],
        "has_unsubscribed": any(one.unsubscribes for one in requests),
        "was_asked": was_asked,
    }
    return page("unsub/yours.html", page_of(page_context, state, "yours") | context)


def _names(state: CurrentState) -> dict[int, str]:
    """Return the public lists' names by list ID."""
    return {one.list_id: one.name for one in state.snapshot.lists or ()}


@profile_centre_view("GET", "HEAD")
def yours_json(_request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return the same data as a JSON file, unmasked: downloading it is a deliberate choice. 403
    with a link that is not enough to show details."""
    if not page_context.shows_details:
        return page("unsub/by_email_only.html", page_context.as_context(), status=403)
    state = load_state(page_context)
    try:
        requests = data_export.exported_requests(page_context.link.context, _names(state))
    except (DatabaseError, InterfaceError):
        return unavailable(page_context.as_context(), saved=Saved.NOT_ASKED)
    answer = JsonResponse(
        data_export.as_json(state, requests, at=timezone.now()),
        json_dumps_params={"ensure_ascii": False, "indent": 2},
    )
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


@profile_centre_view("POST")
def erase(_request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Store a request for erasure, which a marketer decides on, and redirect to the page."""
    try:
        outbox.request_erasure(page_context.link.context, language=page_context.language)
    except (DatabaseError, InterfaceError):
        return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    return SeeOther(page_context.link.url("yours"))
