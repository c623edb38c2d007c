"""Pages for what goes wrong outside of any link. They need neither database nor session. The
second argument is Django's, which passes it by name."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from .http import page


def bad_request(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the page for a request that makes no sense."""
    return page("unsub/error.html", {"kind": "bad_request"}, status=400)


def forbidden(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the page for what somebody may not do."""
    return page("unsub/error.html", {"kind": "forbidden"}, status=403)


def not_found(_request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001
    """Return the page for an address that leads nowhere: most often a link cut in two."""
    return page("unsub/link_invalid.html", status=404)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Return the page for a mistake of ours."""
    return page("unsub/error.html", {"kind": "server_error"}, status=500)
