"""Security headers of the recipients' pages and of the admin; recipients' pages ignore cookies."""

import re
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.request import split_domain_port
from django.middleware.gzip import GZipMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import resolve

# For probes and scrapers, which name the process by its IP address.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
# With the slashes and blanks that a damaged link may begin with (unsub/urls.py). There is one way
# to read them: with two, a path of slashes would take quadratic time.
_PAGES = re.compile(r"\s*/[\s/]*(?:[upc]/|lost-link|brand/)")
# Bytes that a server sends before it waits for the first acknowledgement: ten segments
# (RFC 6928), less the headers.
# A page within them is not compressed: it would not arrive any sooner.
FIRST_ROUND_TRIP = 12_500
HEADERS = {
    # A page sends its own policy, with the nonce of its style.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    # The URL is the credential: it must not be sent as a referrer, indexed or cached.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SchemeMiddleware:
    """Makes X-Forwarded-Proto comparable: proxies also send `HTTPS`, or one value for each proxy
    on the way, the client's own connection first. Without this, such a request would be redirected
    to the address that it has already."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response to the request with its first scheme, in small letters."""
        if sent := request.META.get("HTTP_X_FORWARDED_PROTO"):
            request.META["HTTP_X_FORWARDED_PROTO"] = sent.partition(",")[0].strip().lower()
        return self._get_response(request)


class ProbeMiddleware:
    """Answers /healthz, /readyz and /metrics under any Host: what follows would refuse it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response of one of the three views, or of what follows."""
        if request.path_info not in _PROBES:
            return self._get_response(request)
        response: HttpResponse = resolve(request.path_info).func(request)
        return response


class RecipientMiddleware:
    """Answers recipients' pages itself, and passes all other requests on.

    The pages need no session, user, message or form token, so the middleware of the staff's pages
    does not run for them (docs/adr/0030). Only what concerns them may stand before it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._answer = convert_exception_to_response(_call_view)
        self._security = SecurityMiddleware(get_response)
        self._gzip = GZipMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with its headers. Cookies are dropped from the request."""
        if not _PAGES.match(request.path_info):
            return self._get_response(request)
        # Recipients' pages must not depend on an admin session, nor act with its rights.
        request.META.pop("HTTP_COOKIE", None)
        response = cast(HttpResponse, self._answer(request))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        self._security.process_response(request, response)
        if len(response.content) > FIRST_ROUND_TRIP:
            response = cast(HttpResponse, self._gzip.process_response(request, response))
        response.headers["Content-Length"] = str(len(response.content))
        return response


def _call_view(request: HttpRequest) -> HttpResponse:
    """Return what the view of the path answers, or the redirect to https."""
    request.get_host()  # raises DisallowedHost
    redirect = _to_https(request)
    if redirect is not None:
        return redirect
    request.resolver_match = match = resolve(request.path_info)
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


def _to_https(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to https where one is due. Never for a POST: RFC 8058, section 3.1."""
    if not settings.SECURE_SSL_REDIRECT or request.is_secure():
        return None
    if request.method not in {"GET", "HEAD"}:
        return None
    # The host is one of ALLOWED_HOSTS, and may be a unit's own domain.
    return HttpResponsePermanentRedirect(f"https://{request.get_host()}{request.get_full_path()}")


ADMIN_POLICY = (
    # Alpine.js compiles the theme's expressions to functions; static/unsub/expressions.js evaluates
    # them instead (docs/adr/0009).
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# The account pages do not use the admin's theme, so a stricter policy is possible.
ACCOUNT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


# Names of this machine, which `make run` uses alike. No cookie of one counts under another.
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class AdminMiddleware:
    """Answers for the admin under its own host only, and sets the content security policy of its
    pages. A policy that the view set is kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with its policy. Raises Http404 for a page of the admin under
        another host, such as a unit's own domain: whoever has that domain could read what is
        entered there."""
        if request.path_info.startswith("/admin/") and not _is_admin_host(request.get_host()):
            raise Http404
        response = self._get_response(request)
        if request.path_info.startswith("/admin/account/"):
            response.headers.setdefault("Content-Security-Policy", ACCOUNT_POLICY)
        elif request.path_info.startswith("/admin/"):
            response.headers.setdefault("Content-Security-Policy", ADMIN_POLICY)
        return response


def _is_admin_host(host: str) -> bool:
    """Return whether the admin answers under a host. The port does not count: proxies change it."""
    given = split_domain_port(host)[0].strip("[]")
    own = urlsplit(settings.ADMIN_URL).hostname
    if own in _LOOPBACK or settings.DEBUG:
        return given == own or given in _LOOPBACK
    return given == own
