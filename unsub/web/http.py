"""The answers that all views give: a page, a line of text, a way on."""

import secrets
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_language_bidi

RETRY_AFTER = "120"
_POLICY = (
    "default-src 'none'; style-src 'nonce-{}'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class SeeOther(HttpResponseRedirect):
    """303: the form was taken, here is the page that follows (RFC 9110, section 15.4.4)."""

    status_code = 303


def page(
    template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return a page in the current language. No request goes into it: it has no session, no
    message and no cookie to show."""
    nonce = secrets.token_urlsafe(16)
    known = {
        "nonce": nonce,
        "language": get_language() or "en",
        "direction": "rtl" if get_language_bidi() else "ltr",
    }
    response = HttpResponse(render_to_string(template, known | (context or {})), status=status)
    response["Content-Security-Policy"] = _POLICY.format(nonce)
    return response


def plain(text: str, *, status: int = 200) -> HttpResponse:
    """Return a line of text, for machines and for those who read their logs."""
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status)


def with_retry(response: HttpResponse) -> HttpResponse:
    """Return the response with the time after which to come again."""
    response["Retry-After"] = RETRY_AFTER
    return response
