"""The page after an unsubscribe: its status, the reason given later, and undo."""

import time
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub.domain.context import Effect
from unsub.models import Status
from unsub.outbox import api as outbox
from unsub.preferences import form_snapshot
from unsub.preferences.access import is_fresh
from unsub.preferences.form_snapshot import FormSnapshot

from .forms import ReasonForm
from .http import Saved, SeeOther, TooLargeError, page, plain, read_form, unavailable
from .page_context import PageContext, page_for
from .signed_link import Link, linked
from .status import RequestStatus, status_of


@linked("GET", "HEAD")
def done(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page with the status of the request, and the form for its reason where none was
    given. Redirects to the unsubscribe page where there is no request; and from one that was undone
    to a later one from everything."""
    request_status = _status(link)
    if request_status is None:
        return SeeOther(link.url("unsubscribe"))
    if request_status.kind == Status.WITHDRAWN and (wider := _everything_left(link)):
        return SeeOther(wider.url("done"))
    with page_for(request, link) as page_context:
        is_late = "late" in request.GET and request_status.is_in_force
        context = done_context(page_context, request_status) | {
            "too_late": is_late and not request_status.can_undo,
            "was_told_why": "told" in request.GET and not request_status.can_tell_why,
        }
        return page("unsub/done.html", context)


def done_context(
    page_context: PageContext, request_status: RequestStatus, form: ReasonForm | None = None
) -> dict[str, Any]:
    """Return the template context of the status page. `form`: as it was filled in."""
    context = page_context.as_context() | request_status.as_context()
    if request_status.is_in_force and not request_status.can_undo:
        context["resubscribe"] = _resubscribing(page_context)
        context["shows_contact"] = (
            page_context.brand.contact_email and not page_context.brand.profile_centre
        )
    # A test link has no request to which a reason could be added.
    if request_status.can_tell_why and not page_context.link.context.is_test:
        context["form"] = form or ReasonForm(reasons=page_context.brand.reasons)
    return context


def _resubscribing(page_context: PageContext) -> dict[str, Any] | None:
    """Return what the form to subscribe again to the same is made of, or None where it is not
    offered: it is the profile centre's, and a link by a job alone names no list."""
    brand, context = page_context.brand, page_context.link.context
    is_open = brand.profile_centre and is_fresh(context, days=brand.profile_days, now=time.time())
    list_id = None if context.effect is Effect.FROM_EVERYTHING else context.job.list_id
    if not is_open or not (list_id or context.effect is Effect.FROM_EVERYTHING):
        return None
    shown = FormSnapshot(
        off=(list_id,) if list_id else (), consent=form_snapshot.fingerprint(brand.consent)
    )
    return {
        "url": page_context.link.url("centre"),
        "list_id": list_id,
        "snapshot": form_snapshot.dumps(context, shown),
    }


@linked("POST")
def reason(request: HttpRequest, link: Link) -> HttpResponse:
    """Store a reason that is given after the unsubscribe, and redirect to the status page.

    422 with the form where it is invalid, 503 where the database does not answer.
    """
    request_status = _status(link)
    if request_status is None or not request_status.can_tell_why:
        return SeeOther(link.url("unsubscribe" if request_status is None else "done"))
    with page_for(request, link) as page_context:
        try:
            form = ReasonForm(read_form(request), reasons=page_context.brand.reasons)
            if not form.is_valid():
                context = done_context(page_context, request_status, form)
                return page("unsub/done.html", context, status=422)
            was_kept = outbox.add_reason(link.context, **_given(form))
        except TooLargeError:
            return plain("Request body too large.", status=413)
        except (DatabaseError, InterfaceError):
            return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    return SeeOther(link.url("done", told="1" if was_kept else ""))


def _given(form: ReasonForm) -> dict[str, str]:
    """Return the reason's code and the free text."""
    return {name: form.cleaned_data[name] for name in ("reason", "words")}


def _status(link: Link) -> RequestStatus | None:
    """Return the status of the link's request, or None where there is none."""
    if link.context.is_test:
        return RequestStatus(kind="test")
    try:
        return _stored_status(link)
    except (DatabaseError, InterfaceError):
        return status_of(None)


def _stored_status(link: Link) -> RequestStatus | None:
    """Return the status of the link's request, or None where there is none. One that was pressed
    while the database did not answer may still be in the spool: that counts where nothing is
    stored, or what is stored was undone before. Raises DatabaseError."""
    found = outbox.find(link.context)
    is_open = found is None or found.status == Status.WITHDRAWN
    if is_open and outbox.is_spooled(link.context):
        return status_of(None)
    return status_of(found) if found else None


def _everything_left(link: Link) -> Link | None:
    """Return the link with the scope `all` where an unsubscribe from everything by it is in force,
    else None. Of one that was undone "nothing has changed" would not be true then."""
    wider = link.for_everything()
    if wider == link:
        return None
    try:
        found = _stored_status(wider)
    except (DatabaseError, InterfaceError):
        return None
    return wider if found is not None and found.is_in_force else None


@linked("POST")
def undo(request: HttpRequest, link: Link) -> HttpResponse:
    """Withdraw the request unless a call was already made for it, and redirect to the status page.

    The page says so where it was too late.
    """
    try:
        taken_back = outbox.withdraw(link.context)
    except (DatabaseError, InterfaceError):
        with page_for(request, link) as page_context:
            return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    return SeeOther(link.url("done", late="" if taken_back else "1"))
