"""Data subject requests: display and download of the data stored about a subscriber, their consent
receipts, and asking for erasure."""

from collections.abc import Iterable
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from unsub.domain.context import UnsubContext
from unsub.infra.database_timeout import fail_fast
from unsub.outbox import api as outbox
from unsub.preferences import consent_receipts, data_export
from unsub.preferences.current_state import CurrentState
from unsub.preferences.data_export import ExportedRequest
from unsub.preferences.target_names import Names
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
        "topics": [one for one in state.topics() if one.is_known],
        "requests": _with_receipts(page_context, requests),
        "has_unsubscribed": any(one.unsubscribes for one in requests),
        "was_asked": was_asked,
    }
    return page("unsub/yours.html", page_of(page_context, state, "yours") | context)


def _with_receipts(
    page_context: PageContext, requests: Iterable[ExportedRequest]
) -> list[tuple[ExportedRequest, str]]:
    """Return the subscriber's own requests, each with the URL of its consent receipt or ""."""
    path, mark, query = page_context.link.url("yours").partition("?")
    return [
        (one, f"{path}/{one.receipt_id}{mark}{query}" if one.receipt_id else "")
        for one in requests
        if one.is_own
    ]


@profile_centre_view("GET", "HEAD")
def receipt(request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return one of the subscriber's own consent receipts, to print; 404 for any other ID. The
    address is masked, unless the link shows details."""
    state = load_state(page_context)
    wanted = request.path.rstrip("/").rpartition("/")[2]
    context = page_context.link.context
    try:
        found = _receipt(context, wanted)
        seals = found.seals() if found else []
    except (DatabaseError, InterfaceError):
        return unavailable(page_context.as_context(), saved=Saved.NOT_ASKED)
    shared = page_of(page_context, state, "yours") | {"receipt": found}
    if found is None:
        return page("unsub/receipt.html", shared, status=404)
    masked = shared["masked"] if shared["is_address"] else ""
    own = {
        "about": found.about(_names(state)),
        "address": _address(page_context, state) or masked,
        "seals": seals,
        "at": timezone.now(),
    }
    return page("unsub/receipt.html", shared | own)


def _receipt(context: UnsubContext, wanted: str) -> consent_receipts.Receipt | None:
    """Return the subscriber's receipt with this ID, or None."""
    if context.is_test:
        return None
    with fail_fast():
        own = consent_receipts.requests_of_person(context.mid, context.subscriber)
    return next((one for one in consent_receipts.receipts(own) if one.id == wanted), None)


def _address(page_context: PageContext, state: CurrentState) -> str:
    """Return the address in clear, for a link that shows details; else ""."""
    profile = state.snapshot.profile
    return profile.email_address if page_context.shows_details and profile else ""


def _names(state: CurrentState) -> Names:
    """Return the names of the public lists by ListID, and of the topics by code."""
    names: dict[int | str, str] = {one.list_id: one.name for one in state.snapshot.lists or ()}
    return names | {one.code: one.name for one in state.offered_topics}


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
        data_export.as_json(
            state, requests, at=timezone.now(), sender=page_context.brand.unit_name
        ),
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
