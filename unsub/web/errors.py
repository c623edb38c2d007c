"""Error pages for requests without a link. They need neither database nor session.

Django passes the second argument by name: it has to be called `exception`.
"""

import re
from typing import Any

import structlog
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from unsub.infra import request_id

from .http import page

log = structlog.get_logger(__name__)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,100}")


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """Return the 400 page."""
    if isinstance(exception, DisallowedHost):
        sent = request.META.get("HTTP_HOST", "")
        # A client can write anything into the header, also another person's data.
        log.info("host_not_allowed", host=sent if _HOST.fullmatch(sent) else "[not a host name]")
    return page("unsub/error.html", {"kind": "bad_request"}, status=400)


def forbidden(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 403 page."""
    return page("unsub/error.html", {"kind": "forbidden"}, status=403)


def not_found(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 404 page. It is about broken links: most unknown URLs are links that were cut
    off."""
    return page("unsub/link_invalid.html", status=404)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Return the 500 page, with the id of the request, by which its log lines are found."""
    context = {"kind": "server_error", "code": request_id.current()}
    return page("unsub/error.html", context, status=500)
