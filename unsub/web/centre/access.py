"""Who may come into the profile centre, and how often they may change something there."""

import time
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from unsub.domain.context import UnsubContext
from unsub.domain.masking import keyed_digest
from unsub.infra import metrics, rate_limit
from unsub.models import Channel
from unsub.web.http import SeeOther, TooLarge, page, plain, with_retry
from unsub.web.page_context import Visit, visiting
from unsub.web.signed_link import Link, linked

TIMES, SECONDS = 60, 3600  # changes with one link
View = Callable[[HttpRequest, Visit], HttpResponse]


def entered(*methods: str) -> Callable[[View], Callable[[HttpRequest, str], HttpResponse]]:
    """Return a decorator for the pages of the profile centre. Where the unit has none, or the link
    is too old for one, unsubscribing is what it leads to. A POST by a test link, one too many or
    too large is answered here."""

    def decorate(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
        @linked(*methods)
        @wraps(view)
        def wrapped(request: HttpRequest, link: Link) -> HttpResponse:
            with visiting(request, link) as visit:
                return _at_the_door(visit) or _inside(view, request, visit)

        return wrapped

    return decorate


def _at_the_door(visit: Visit) -> HttpResponse | None:
    """Return where somebody is led who may not come in."""
    # Without the database nobody can say; and leaving is everybody's right.
    if not visit.sender.profile_centre and not visit.sender.is_unread:
        return SeeOther(visit.link.url("unsubscribe"))
    if not is_fresh(visit.link.context, days=visit.sender.profile_days, now=time.time()):
        return page("unsub/centre_old.html", visit.as_context())
    return None


def _inside(view: View, request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return the view's answer, or the reason why a POST is not looked at."""
    if request.method == "POST":
        if visit.link.context.is_test:
            metrics.TEST_LINKS.labels(channel=Channel.PROFILE.value).inc()
            return SeeOther(visit.link.url("centre", saved="1"))
        if not may_change(visit.link):
            return with_retry(page("unsub/too_many.html", visit.as_context(), status=429))
    try:
        return view(request, visit)
    except TooLarge:
        return plain("The request is too large.", status=413)


def may_change(link: Link) -> bool:
    """Return whether this link may be used for another change now."""
    who = keyed_digest(link.token, secret=settings.SECRET_KEY, purpose="profile")
    return rate_limit.may("profile", who, times=TIMES, seconds=SECONDS)


def is_fresh(context: UnsubContext, *, days: int, now: float) -> bool:
    """Return whether a link is young enough to show what somebody gets: before its `exp`, or made
    at most `days` ago where it has none. One that says neither is not."""
    if context.expires_at is not None:
        return not context.is_expired(now)
    return context.issued_at is not None and now - context.issued_at <= days * 86_400
