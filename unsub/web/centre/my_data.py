"""What is held of a person, for that person to read and to take along; and asking to have it
erased."""

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
    """Return the page: what Marketing Cloud has, and what we have, with addresses masked."""
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
    """Return the names of the public lists."""
    return {one.list_id: one.name for one in now.seen.lists or ()}


@entered("GET", "HEAD")
def yours_json(_request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return the same as a file, in full: whoever takes it along has chosen to see it."""
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
    """Have a marketer asked, and return the way back to the page that says so."""
    try:
        outbox.ask_for_erasure(visit.link.context, language=visit.language)
    except (DatabaseError, InterfaceError):
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(visit.link.url("yours", asked="1"))
