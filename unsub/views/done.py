"""The page after the button: honest about what happened and what comes next."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub import outbox

from .answers import SeeOther, page, with_retry
from .link import Link, linked
from .standing import Standing, standing_of
from .visit import visiting


@linked("GET", "HEAD")
def done(request: HttpRequest, link: Link) -> HttpResponse:
    """Return where the wish stands. Somebody who has not asked for anything is led to the page
    where they can."""
    standing = _standing(link)
    if standing is None:
        return SeeOther(link.url("unsubscribe"))
    late = {"too_late": "late" in request.GET}
    with visiting(request, link) as visit:
        return page("unsub/done.html", visit.as_context() | standing.as_context() | late)


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
    return SeeOther(link.url("done") + ("" if taken_back else "?late"))
