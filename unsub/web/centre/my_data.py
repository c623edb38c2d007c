"""Data subject requests: display and download of the data stored about a subscriber, and asking for
erasure."""

from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from unsub.outbox import api as outbox
from unsub.preferences import data_export
from unsub.preferences.current_state import Present
from unsub.web.http import SeeOther, page, with_retry
from unsub.web.page_context import Visit

from .access import entered
from .common import facts_of, page_of, show_as


@entered("GET", "HEAD")
def yours(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return the page with the data in Marketing Cloud and here. Addresses are masked."""
    now = show_as(visit)
    try:
        wishes = data_export.of_person(visit.link.context, _names(now))
    except (DatabaseError, InterfaceError):
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    context: dict[str, Any] = {
        "details": facts_of(now),
        "lists": now.subscriptions(),
        "wishes": wishes,
        "was_asked": "asked" in request.GET,
    }
    return page("unsub/yours.html", page_of(visit, now, "yours") | context)


def _names(now: Present) -> dict[int, str]:
    """Return the public lists' names by list ID."""
    return {one.list_id: one.name for one in now.seen.lists or ()}


@entered("GET", "HEAD")
def yours_json(_request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return the same data as a JSON file, unmasked: downloading it is a deliberate choice."""
    now = show_as(visit)
    try:
        wishes = data_export.of_person(visit.link.context, _names(now))
    except (DatabaseError, InterfaceError):
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    answer = JsonResponse(
        data_export.as_json(now, wishes, at=timezone.now()),
        json_dumps_params={"ensure_ascii": False, "indent": 2},
    )
    answer["Content-Disposition"] = 'attachment; filename="what-is-held-about-me.json"'
    return answer


@entered("POST")
def erase(_request: HttpRequest, visit: Visit) -> HttpResponse:
    """Store a request for erasure, which a marketer decides on, and redirect to the page."""
    try:
        outbox.ask_for_erasure(visit.link.context, language=visit.language)
    except (DatabaseError, InterfaceError):
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(visit.link.url("yours", asked="1"))
