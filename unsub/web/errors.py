"""Error pages for requests without a link. They need no session, and only the 404 page asks the
database.

Django passes the second argument by name: it has to be called `exception`.
"""

import re
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, DisallowedHost, SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from unsub.infra import request_id

from .brand import Brand, find_host_brand
from .http import page
from .language import choose_language
from .lost_link import not_found_context
from .middleware import HEADERS

log = structlog.get_logger(__name__)
_LINK = re.compile(r"\s*/[\s/]*[upc](?:/|\Z)")  # as in middleware.py
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,100}")


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """Return the 400 page."""
    if isinstance(exception, DisallowedHost):
        sent = request.META.get("HTTP_HOST", "")
        # A client can write anything into the header, also another person's data.
        log.info("host_not_allowed", host=sent if _HOST.fullmatch(sent) else "[not a host name]")
    with translation.override(_language(request)):
        return _page("unsub/error.html", {"kind": "bad_request"}, status=400)


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 403 page."""
    with translation.override(_language(request)):
        return _page("unsub/error.html", {"kind": "forbidden"}, status=403)


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 404 page, with the brand of the host where that is known. Below the paths of
    signed links it is about a link that was cut off."""
    try:
        brand = find_host_brand(request.get_host())
    except (DatabaseError, InterfaceError, DisallowedHost):
        brand = Brand()
    language = choose_language(request, unit=brand.language)
    context = not_found_context(request, brand, language)
    if _LINK.match(request.path_info):
        context["problem"] = "incomplete"
    with translation.override(language):
        return _page("unsub/link_invalid.html", context, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the 500 page, with the id of the request, by which its log lines are found."""
    context = {"kind": "server_error", "code": request_id.current()}
    with translation.override(_language(request)):
        return _page("unsub/error.html", context, status=500)


def _page(template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    """Return a page with the headers of recipients' pages, under whichever path: a link may have
    been damaged so that its path is none of ours."""
    response = page(template, context, status=status)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _language(request: HttpRequest) -> str:
    """Return the reader's language, or LANGUAGE_CODE where the query cannot be read."""
    try:
        return choose_language(request)
    except (BadRequest, SuspiciousOperation):
        return settings.LANGUAGE_CODE
