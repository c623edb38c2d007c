"""A new link by email, for subscribers whose link is too old for the profile centre."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub.outbox import api as outbox
from unsub.preferences.access import may_change
from unsub.web.http import SeeOther, page, with_retry
from unsub.web.page_context import page_for
from unsub.web.signed_link import Link, linked


@linked("GET", "HEAD", "POST")
def new_link(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page; a POST requests the email.

    The response is the same for everyone: it reveals neither whether the subscriber exists nor the
    address. Redirects to the unsubscribe page where the unit does not send such emails.
    """
    with page_for(request, link) as page_context:
        if not page_context.brand.profile_centre or not page_context.brand.mails_links:
            return SeeOther(link.url("unsubscribe"))
        if request.method != "POST":
            return page("unsub/new_link.html", page_context.as_context())
        there = SeeOther(link.url("new_link"))
        if link.context.is_test:
            return there
        if not may_change(link.token):
            return with_retry(page("unsub/too_many.html", page_context.as_context(), status=429))
        try:
            outbox.email_new_link(link.context, language=page_context.language)
        except (DatabaseError, InterfaceError):
            return with_retry(page("unsub/unavailable.html", page_context.as_context(), status=503))
        return there
