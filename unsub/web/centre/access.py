"""Access to the profile centre: by unit, age of the link and number of changes."""

import time
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse

from unsub.models import Channel
from unsub.preferences.access import is_fresh
from unsub.preferences.limits import wait_to_change, wait_to_look
from unsub.web.http import SeeOther, TooLargeError, page, plain, too_many
from unsub.web.page_context import PageContext, page_for
from unsub.web.signed_link import Link, count_test_link, linked

View = Callable[[HttpRequest, PageContext], HttpResponse]


def profile_centre_view(
    *methods: str,
) -> Callable[[View], Callable[[HttpRequest, str], HttpResponse]]:
    """Return a decorator for the pages of the profile centre. The view gets a PageContext.

    Redirects to the unsubscribe page where the unit has no profile centre, and shows the "link too
    old" page for an old link. 429 where its subscriber opened too many pages; the unsubscribe page
    has no such limit. A POST is not passed to the view where the link is a test link (redirect), or
    its subscriber made too many changes (429). 413 where the body is too large.
    """

    def decorate(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
        @linked(*methods)
        @wraps(view)
        def wrapped(request: HttpRequest, link: Link) -> HttpResponse:
            with page_for(request, link) as page_context:
                return _redirect_if_closed(page_context) or _run_view(view, request, page_context)

        return wrapped

    return decorate


def _redirect_if_closed(page_context: PageContext) -> HttpResponse | None:
    """Return the response for a link without access, or None."""
    # Without the database the unit's settings are unknown; unsubscribing must work all the same.
    if not page_context.brand.profile_centre and not page_context.brand.is_unread:
        return SeeOther(page_context.link.url("unsubscribe"))
    if not is_fresh(
        page_context.link.context, days=page_context.brand.profile_days, now=time.time()
    ):
        return page("unsub/centre_old.html", page_context.as_context())
    return None


def _run_view(view: View, request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return the view's response, or the reason why there is none."""
    if request.method == "POST":
        if page_context.link.context.is_test:
            count_test_link(page_context.link, Channel.PROFILE)
            return SeeOther(page_context.link.url("centre", saved="1"))
        if wait := wait_to_change(page_context.link.context):
            return too_many(page_context.as_context(), wait)
    elif wait := wait_to_look(page_context.link.context):
        return too_many(page_context.as_context() | {"is_view": True}, wait)
    try:
        return view(request, page_context)
    except TooLargeError:
        return plain("Request body too large.", status=413)
