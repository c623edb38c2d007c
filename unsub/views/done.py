"""The page after the button: honest about what happened and what comes next."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub import outbox

from .answers import SeeOther, page, with_retry
from .link import Link, linked
from .standing import Standing, standing_of
from .visit import visiting

LOOKS = (10, 30, 120)  # seconds


@linked("GET", "HEAD")
def done(request: HttpRequest, link: Link) -> HttpResponse:
    """Return where the wish stands. Somebody who has not asked for anything is led to the page
    where they can."""
    standing = _standing(link)
    if standing is None:
        return SeeOther(link.url("unsubscribe"))
    late = {"too_late": "late" in request.GET}
    with visiting(request, link) as visit:
        answer = page("unsub/done.html", visit.as_context() | standing.as_context() | late)
    if standing.kind == "on_its_way":
        _look_again(request, answer, link)
    return answer


def _look_again(request: HttpRequest, answer: HttpResponse, link: Link) -> None:
    """Have the browser look again, gently and not for ever: a header, so that no script is needed,
    and few times, so that nobody's reading is disturbed."""
    looks = request.GET.get("look", "0")
    look = int(looks) if looks in {"0", "1", "2"} else len(LOOKS)
    if look < len(LOOKS):
        answer["Refresh"] = f"{LOOKS[look]}; url={link.url('done', look=str(look + 1))}"


def _standing(link: Link) -> Standing | None:
    """Return where the wish stands, or None where nothing was asked."""
    if link.context.is_test:
        return Standing(kind="test")
    try:
        found = outbox.find(link.context)
    except (DatabaseError, InterfaceError):
        return standing_of(None)
    return standing_of(found) if found else None


@linked("POST")
def undo(request: HttpRequest, link: Link) -> HttpResponse:
    """Take the wish back where no call was made for it yet, and return the way to the page that
    says so."""
    try:
        taken_back = outbox.withdraw(link.context)
    except (DatabaseError, InterfaceError):
        with visiting(request, link) as visit:
            return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(link.url("done", late="" if taken_back else "1"))
