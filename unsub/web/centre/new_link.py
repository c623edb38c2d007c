"""A new link by email, for subscribers whose link is too old for the profile centre, or who want to
see or change their details."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from unsub.outbox import api as outbox
from unsub.preferences.limits import wait_to_change
from unsub.web.http import Saved, SeeOther, duration, page, too_many, unavailable
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
            hold = duration(page_context.brand.hold_hours * 3600)
            return page("unsub/new_link.html", page_context.as_context() | {"hold": hold})
        there = SeeOther(link.url("new_link"))
        if link.context.is_test:
            return there
        if wait := wait_to_change(link.context):
            return too_many(page_context.as_context(), wait)
        try:
            outbox.email_new_link(link.context, language=page_context.language)
        except (DatabaseError, InterfaceError):
            return unavailable(page_context.as_context(), saved=Saved.NOTHING)
        return there
