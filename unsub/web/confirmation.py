"""The page after an unsubscribe: its status, the reason given later, and undo."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub.outbox import api as outbox

from .forms import ReasonForm
from .http import Saved, SeeOther, TooLargeError, page, plain, read_form, unavailable
from .page_context import page_for
from .signed_link import Link, linked
from .status import RequestStatus, status_of

REFRESH_SECONDS = (10, 30, 120)  # seconds


@linked("GET", "HEAD")
def done(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page with the status of the request. Redirects to the unsubscribe page where there
    is no request."""
    request_status = _status(link)
    if request_status is None:
        return SeeOther(link.url("unsubscribe"))
    asks_why = request_status.can_tell_why and "why" in request.GET
    with page_for(request, link) as page_context:
        context = page_context.as_context() | request_status.as_context()
        context |= {
            "too_late": "late" in request.GET and request_status.is_in_force,
            "was_told_why": "told" in request.GET and not request_status.can_tell_why,
        }
        if asks_why:
            context["form"] = ReasonForm(reasons=page_context.brand.reasons)
        answer = page("unsub/done.html", context)
    # A form that is being filled in must not be reloaded.
    if request_status.kind == "on_its_way" and not asks_why:
        _schedule_refresh(request, answer, link)
    return answer


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
                context = page_context.as_context() | request_status.as_context() | {"form": form}
                return page("unsub/done.html", context, status=422)
            was_kept = outbox.add_reason(link.context, **_given(form))
        except TooLargeError:
            return plain("The request is too large.", status=413)
        except (DatabaseError, InterfaceError):
            return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    return SeeOther(link.url("done", told="1" if was_kept else ""))


def _given(form: ReasonForm) -> dict[str, str]:
    """Return the reason's code and the free text."""
    return {name: form.cleaned_data[name] for name in ("reason", "words")}


def _schedule_refresh(request: HttpRequest, answer: HttpResponse, link: Link) -> None:
    """Make the browser reload the page after 10, 30 and 120 seconds, then no more.

    A Refresh header needs no script, and few reloads do not disturb people who are reading.
    """
    looks = request.GET.get("look", "0")
    look = int(looks) if looks in {"0", "1", "2"} else len(REFRESH_SECONDS)
    if look < len(REFRESH_SECONDS):
        answer["Refresh"] = f"{REFRESH_SECONDS[look]}; url={link.url('done', look=str(look + 1))}"


def _status(link: Link) -> RequestStatus | None:
    """Return the status of the link's request, or None where there is none."""
    if link.context.is_test:
        return RequestStatus(kind="test")
    try:
        found = outbox.find(link.context)
    except (DatabaseError, InterfaceError):
        return status_of(None)
    return status_of(found) if found else None


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
