"""What every page for recipients carries, and what it never does (field notes 4)."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect

_PAGES = ("/u/", "/p/", "/c/", "/lost-link", "/brand/")
HEADERS = {
    # A page names its own, with the nonce of its style.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    # The address is the credential: it goes nowhere, is indexed nowhere and stays in no cache.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class RecipientMiddleware:
    """Sets the headers of recipients' pages, and leads their readers, but no machine that posts,
    to https."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with its headers."""
        if not request.path_info.startswith(_PAGES):
            return self._get_response(request)
        # Whoever is signed in to the admin, or was: nothing here depends on it, or answers to it.
        request.META.pop("HTTP_COOKIE", None)
        response = _to_https(request) or self._get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
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
    # Alpine.js makes functions of the theme's expressions (docs/adr/0009).
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# The pages about one's own account have a look of their own, which needs less.
ACCOUNT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class AdminMiddleware:
    """Sets the policy of the admin's pages; one that has its own, such as a preview, keeps it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with its policy."""
        response = self._get_response(request)
        if request.path_info.startswith("/admin/account/"):
            response.headers.setdefault("Content-Security-Policy", ACCOUNT_POLICY)
        elif request.path_info.startswith("/admin/"):
            response.headers.setdefault("Content-Security-Policy", ADMIN_POLICY)
        return response
