"""Error pages for requests without a link. They need neither database nor session.

Django passes the second argument by name: it has to be called `exception`.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse

from .http import page


def bad_request(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 400 page."""
    return page("unsub/error.html", {"kind": "bad_request"}, status=400)


def forbidden(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 403 page."""
    return page("unsub/error.html", {"kind": "forbidden"}, status=403)


def not_found(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the 404 page. It is about broken links: most unknown URLs are links that were cut
    off."""
    return page("unsub/link_invalid.html", status=404)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Return the 500 page."""
    return page("unsub/error.html", {"kind": "server_error"}, status=500)
