"""Responses and form parsing that all views share."""

import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.timesince import timeuntil
from django.utils.translation import get_language, get_language_bidi

RETRY_AFTER = 120  # seconds, which the page calls a few minutes
_POLICY = (
    "default-src 'none'; style-src 'nonce-{}'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class SeeOther(HttpResponseRedirect):
    """303: the form was accepted, continue with a GET (RFC 9110, section 15.4.4)."""

    status_code = 303


def page(
    template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return a rendered page in the current language.

    The template gets no HttpRequest: the pages have no session, no messages and no cookies.
    """
    nonce = new_nonce()
    text = render_to_string(template, page_basics(nonce) | (context or {}))
    return html_page(text, nonce, status=status)


def new_nonce() -> str:
    """Return a new nonce for the style of a page."""
    return secrets.token_urlsafe(16)


def page_basics(nonce: str) -> dict[str, Any]:
    """Return the context that all pages share, in the current language."""
    return {
        "nonce": nonce,
        "language": get_language() or "en",
        "direction": "rtl" if get_language_bidi() else "ltr",
    }


def html_page(text: str, nonce: str, *, status: int = 200) -> HttpResponse:
    """Return a rendered page with its policy, which allows the style with this nonce."""
    response = HttpResponse(text, status=status)
    response.headers["Content-Security-Policy"] = _POLICY.format(nonce)
    return response


def plain(text: str, *, status: int = 200) -> HttpResponse:
    """Return one line of text, for machines."""
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status)


def with_retry(response: HttpResponse, *, seconds: int = RETRY_AFTER) -> HttpResponse:
    """Return the response with a Retry-After header, of two minutes unless `seconds` says
    otherwise."""
    response["Retry-After"] = str(seconds)
    return response


def too_many(context: dict[str, Any], seconds: int) -> HttpResponse:
    """Return the page of an exceeded rate limit (429), with the time until the next try."""
    # Rounded up: after the time that the page names, the next try is within the limit.
    known = context | {"wait": duration(seconds + 59)}
    response = page("unsub/too_many.html", known, status=429)
    response["Retry-After"] = str(seconds)
    return response


def duration(seconds: int) -> str:
    """Return a time in words of the page's language, such as `1 hour, 5 minutes`; "" for none."""
    now = timezone.now()
    return timeuntil(now + timedelta(seconds=seconds), now) if seconds else ""


class Saved(StrEnum):
    """What became of the request that an "unavailable" page answers."""

    NOT_ASKED = ""  # a GET: there was nothing to save
    NOTHING = "nothing"
    SOME = "some"  # of several changes


def unavailable(
    context: dict[str, Any] | None = None, *, saved: Saved, has_link: bool = True
) -> HttpResponse:
    """Return the page (503) for when the database, and for a request to store also the broker, does
    not answer. `has_link`: the reader has a link to open again."""
    known = (context or {}) | {"saved": saved.value, "has_link": has_link}
    return with_retry(page("unsub/unavailable.html", known, status=503))


def saved_nothing(request: HttpRequest) -> Saved:
    """Return what an "unavailable" page says of a request of which nothing was stored."""
    return Saved.NOTHING if request.method == "POST" else Saved.NOT_ASKED


class TooLargeError(Exception):
    """The body is larger than any of our forms."""


def read_form(request: HttpRequest) -> QueryDict:
    """Return the submitted form; an empty one for a body that cannot be parsed.

    A POST to a signed link is a request to unsubscribe in itself (RFC 8058), so an unreadable body
    must not refuse it. Raises TooLargeError above DATA_UPLOAD_MAX_MEMORY_SIZE.
    """
    if _length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise TooLargeError
    try:
        return request.POST
    except (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError,
            LookupError, ValueError):  # fmt: skip
        return QueryDict()


def _length(request: HttpRequest) -> int:
    """Return the length that the client declared."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0
