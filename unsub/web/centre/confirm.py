"""The page behind the link of a confirmation email. A GET confirms nothing, because scanners follow
links in emails."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from unsub.models import Status
from unsub.outbox import api as outbox
from unsub.preferences.confirmation import confirmation_of
from unsub.web.brand import Brand, find_brand, find_host_brand
from unsub.web.http import page, with_retry
from unsub.web.language import choose_language


# The signed link is the credential; there is no cookie to abuse.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Return the page with the button to confirm, or after it the page that says that it is done.

    404 where the link is invalid or the request is over, 503 where the database does not answer.
    """
    try:
        row = outbox.find_waiting(token)
        if request.method == "POST" and row.status == Status.WAITING:
            outbox.confirm(row)
            # Read again: another POST, or the expiry of the request, may have come first.
            row = outbox.find_waiting(token)
        context = {"brand": find_brand(row.context), "confirmation": confirmation_of(row)}
        with translation.override(choose_language(request, link=row.language)):
            return page("unsub/confirm.html", context)
    except outbox.NotConfirmedError:
        with translation.override(choose_language(request)):
            return page("unsub/confirm_over.html", {"brand": _brand(request)}, status=404)
    except (DatabaseError, InterfaceError):
        with translation.override(choose_language(request)):
            return with_retry(page("unsub/unavailable.html", status=503))


def _brand(request: HttpRequest) -> Brand:
    """Return the brand of the host, for a page without a request."""
    try:
        return find_host_brand(request.get_host())
    except (DatabaseError, InterfaceError):
        return Brand()
