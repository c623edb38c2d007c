"""The pages behind the links of emails that ask to confirm a request, to agree to a new address, or
offer to undo it. A GET does nothing, because scanners follow links in emails."""

import time
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from unsub.domain.context import Scope
from unsub.links.tokens import sign_link
from unsub.models import SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox.api import EmailedLink, LinkPurpose
from unsub.preferences.confirmation import confirmation_of
from unsub.web.brand import Brand, find_brand, find_host_brand
from unsub.web.http import page, saved_nothing, unavailable
from unsub.web.language import choose_language, language_items

_TEMPLATES = {
    LinkPurpose.CONFIRM: "unsub/confirm.html",
    LinkPurpose.CONSENT: "unsub/confirm_consent.html",
    LinkPurpose.UNDO: "unsub/confirm_undo.html",
}


# The signed link is the credential; there is no cookie to abuse.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Return the page with the button, or after it the page that says that it is done.

    404 where the link is invalid or the request is over, 503 where the database does not answer.
    """
    try:
        found = outbox.find_by_email(token)
        if request.method == "POST":
            outbox.press(found)
            # Read again: another POST, or the expiry of the request, may have come first.
            found = outbox.find_by_email(token)
        brand = find_brand(found.request.context)
        language = choose_language(request, link=found.request.language)
        with translation.override(language), timezone.override(brand.time_zone):
            return page(_TEMPLATES[found.purpose], _context(found, brand, language))
    except outbox.NotConfirmedError:
        brand = _brand(request)
        language = choose_language(request, unit=brand.language)
        context = {"brand": brand, "languages": language_items(language, "")}
        with translation.override(language):
            return page("unsub/confirm_over.html", context, status=404)
    except (DatabaseError, InterfaceError):
        with translation.override(choose_language(request)):
            return unavailable(saved=saved_nothing(request))


def _context(found: EmailedLink, brand: Brand, language: str) -> dict[str, Any]:
    """Return the template context of the page of a link, in the current language. Raises
    DatabaseError."""
    confirmation = confirmation_of(found)
    context = {
        "brand": brand,
        "confirmation": confirmation,
        "languages": language_items(language, ""),
    }
    if confirmation.is_confirmed and confirmation.is_again and brand.profile_centre:
        context["centre_url"] = _centre_url(found.request)
    return context


def _centre_url(row: SubscriberRequest) -> str:
    """Return the URL of the subscriber's profile centre, to choose lists after subscribing again;
    "" where there is no key to sign it with.

    The email with the confirmed link went to the address on file, as one with a new link does.
    """
    context = replace(row.context, scope=Scope.LIST, issued_at=int(time.time()))
    try:
        token = sign_link(context, keys=settings.LINK_KEYRING, seal=True)
    except ValueError:
        return ""
    return reverse("unsub:centre", args=(token,))


def _brand(request: HttpRequest) -> Brand:
    """Return the brand of the host, for a page without a request."""
    try:
        return find_host_brand(request.get_host())
    except (DatabaseError, InterfaceError):
        return Brand()
