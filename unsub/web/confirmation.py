"""The page after an unsubscribe: its status, the reason given later, and undo."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub.outbox import api as outbox

from .forms import ReasonForm
from .http import SeeOther, TooLarge, page, plain, read_form, with_retry
from .page_context import visiting
from .signed_link import Link, linked
from .status import Standing, standing_of

LOOKS = (10, 30, 120)  # seconds


@linked("GET", "HEAD")
def done(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page with the status of the request. Redirects to the unsubscribe page where there
    is no request."""
    standing = _standing(link)
    if standing is None:
        return SeeOther(link.url("unsubscribe"))
    asks_why = standing.can_tell_why and "why" in request.GET
    with visiting(request, link) as visit:
        context = visit.as_context() | standing.as_context()
        context |= {"too_late": "late" in request.GET, "was_told_why": "told" in request.GET}
        if asks_why:
            context["form"] = ReasonForm(reasons=visit.sender.reasons)
        answer = page("unsub/done.html", context)
    # A form that is being filled in must not be reloaded.
    if standing.kind == "on_its_way" and not asks_why:
        _look_again(request, answer, link)
    return answer


@linked("POST")
def reason(request: HttpRequest, link: Link) -> HttpResponse:
    """Store a reason that is given after the unsubscribe, and redirect to the status page.

    422 with the form where it is invalid, 503 where the database does not answer.
    """
    standing = _standing(link)
    if standing is None or not standing.can_tell_why:
        return SeeOther(link.url("unsubscribe" if standing is None else "done"))
    with visiting(request, link) as visit:
        try:
            form = ReasonForm(read_form(request), reasons=visit.sender.reasons)
            if not form.is_valid():
                context = visit.as_context() | standing.as_context() | {"form": form}
                return page("unsub/done.html", context, status=422)
            was_kept = outbox.add_reason(link.context, **_given(form))
        except TooLarge:
            return plain("The request is too large.", status=413)
        except (DatabaseError, InterfaceError):
            return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(link.url("done", told="1" if was_kept else ""))


def _given(form: ReasonForm) -> dict[str, str]:
    """Return the reason's code and the free text."""
    return {name: form.cleaned_data[name] for name in ("reason", "words")}


def _look_again(request: HttpRequest, answer: HttpResponse, link: Link) -> None:
    """Make the browser reload the page after 10, 30 and 120 seconds, then no more.

    A Refresh header needs no script, and few reloads do not disturb people who are reading.
    """
    looks = request.GET.get("look", "0")
    look = int(looks) if looks in {"0", "1", "2"} else len(LOOKS)
    if look < len(LOOKS):
        answer["Refresh"] = f"{LOOKS[look]}; url={link.url('done', look=str(look + 1))}"


def _standing(link: Link) -> Standing | None:
    """Return the status of the link's request, or None where there is none."""
    if link.context.is_test:
        return Standing(kind="test")
    try:
        found = outbox.find(link.context)
    except (DatabaseError, InterfaceError):
        return standing_of(None)
    return standing_of(found) if found else None


@linked("POST")
def undo(request: HttpRequest, link: Link) -> HttpResponse:
    """Withdraw the request unless a call was already made for it, and redirect to the status page.

    The page says so where it was too late.
    """
    try:
        taken_back = outbox.withdraw(link.context)
    except (DatabaseError, InterfaceError):
        with visiting(request, link) as visit:
            return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(link.url("done", late="" if taken_back else "1"))
