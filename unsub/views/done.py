"""The page after the button: honest about what happened and what comes next."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub import outbox

from .answers import SeeOther, page, with_retry
from .standing import Standing, standing_of
from .visit import Visit, visited


@visited("GET", "HEAD")
def done(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return where the wish stands. Somebody who has not asked for anything is led to the page
    where they can."""
    standing: Standing
    try:
        found = outbox.find(visit.context)
    except (DatabaseError, InterfaceError):
        standing = standing_of(None)
    else:
        if visit.context.is_test:
            standing = Standing(kind="test")
        elif found is None:
            return SeeOther(visit.url("unsubscribe"))
        else:
            standing = standing_of(found)
    late = {"too_late": "late" in request.GET}
    return page("unsub/done.html", visit.as_context() | standing.as_context() | late)


@visited("POST")
def undo(_request: HttpRequest, visit: Visit) -> HttpResponse:
    """Take the wish back where no call was made for it yet, and return the way to the page that
    says so."""
    try:
        taken_back = outbox.withdraw(visit.context)
    except (DatabaseError, InterfaceError):
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(visit.url("done") + ("" if taken_back else "?late"))
