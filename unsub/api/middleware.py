"""Where the API meets Django: it needs no session, no user, no form token and no page."""

import re
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from django.urls import resolve

from .problems import ApiProblem, answer, as_problem

_PATH = re.compile(r"/api(?:/|\Z)")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


class ApiMiddleware:
    """Answers everything below /api/ itself, and passes all other requests on.

    So no cookie counts there, and every error is a problem (docs/adr/0037).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._answer = convert_exception_to_response(_call_view)
        self._security = SecurityMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with its headers."""
        if not _PATH.match(request.path_info):
            return self._get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        response = as_problem(cast(HttpResponse, self._answer(request)))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        self._security.process_response(request, response)
        response.headers["Content-Length"] = str(len(response.content))
        if is_head:
            request.method = "HEAD"
            response.content = b""
        return response


def _call_view(request: HttpRequest) -> HttpResponse:
    """Return what the view of the path answers, or a problem."""
    request.get_host()  # raises DisallowedHost
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        # No redirect: the client would go on sending its key in clear first.
        return answer(ApiProblem(403, "insecure"))
    if _length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return answer(ApiProblem(413))
    request.resolver_match = match = resolve(request.path_info)
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


def _length(request: HttpRequest) -> int:
    """Return the length that the client declared."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0
