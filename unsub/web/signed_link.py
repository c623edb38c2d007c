"""Opening of signed links: the decorator that all their views use, and error pages for bad
links."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from unsub.domain.context import UnsubContext
from unsub.infra import metrics
from unsub.links.tokens import LinkError
from unsub.units.opening import open_link

from .brand import Brand, find_host_brand
from .http import page, with_retry
from .language import choose_language
from .lost_link import lost_link_context

# Email clients and Parameter Manager append characters that do not belong to the link.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]*")


EVERYTHING, LANGUAGE = "everything", "lang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link with a valid signature, and the choices in its query: unsubscribe from everything,
    language."""

    token: str = field(repr=False)
    context: UnsubContext
    everything: bool = False
    language: str = ""

    def url(self, name: str, **more: str) -> str:
        """Return the URL of a page of this link (`unsubscribe`, `done`, `centre`, ...). Its query
        has the choices of the link, and `more`."""
        chosen = {EVERYTHING: "1" if self.everything else "", LANGUAGE: self.language} | more
        query = urlencode({key: value for key, value in chosen.items() if value})
        path = reverse(f"unsub:{name}", args=(self.token,))
        return f"{path}?{query}" if query else path

    def for_everything(self) -> "Link":
        """Return the link with the scope `all`. Test links are returned unchanged."""
        if self.context.is_test:
            return self
        return replace(self, context=self.context.for_everything(), everything=True)


View = Callable[[HttpRequest, Link], HttpResponse]


def linked(*methods: str) -> Callable[[View], Callable[[HttpRequest, str], HttpResponse]]:
    """Return a decorator for views of a signed link. The view gets a Link instead of the token.

    Other methods get 405, invalid links the error page (404); 503 where reading the link needs the
    database and it does not answer.

    There is no CSRF token: the link is the credential, and there is no cookie to abuse.
    """

    def decorate(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, token: str) -> HttpResponse:
            if request.method not in methods:
                return _other_method(request, methods)
            link = _open(request, token)
            return link if isinstance(link, HttpResponse) else view(request, link)

        return wrapped

    return decorate


def _open(request: HttpRequest, text: str) -> Link | HttpResponse:
    """Return the link, or the error page where it is invalid or the database does not answer."""
    found = _TOKEN.match(text)
    token = found[0].rstrip(".") if found else ""
    try:
        link = Link(token=token, context=open_link(token), language=_language(request))
    except LinkError as err:
        metrics.BAD_LINKS.labels(reason=err.reason.value).inc()
        return _refuse(request)
    except (DatabaseError, InterfaceError):
        with translation.override(choose_language(request)):
            return with_retry(page("unsub/unavailable.html", status=503))
    return link.for_everything() if EVERYTHING in request.GET else link


def _refuse(request: HttpRequest) -> HttpResponse:
    """Return the page for a bad link, with brand and lost-link form where the host identifies a
    unit."""
    try:
        brand = find_host_brand(request.get_host())
    except (DatabaseError, InterfaceError):
        brand = Brand()
    with translation.override(choose_language(request, unit=brand.language)):
        return page("unsub/link_invalid.html", lost_link_context(brand), status=404)


def _language(request: HttpRequest) -> str:
    """Return the language chosen on the page, or "" where it is not supported."""
    code = request.GET.get(LANGUAGE, "")
    return code if code in dict(settings.LANGUAGES) else ""


def _other_method(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """Return 204 to OPTIONS, else 405."""
    response = HttpResponse(status=204 if request.method == "OPTIONS" else 405)
    response["Allow"] = ", ".join((*methods, "OPTIONS"))
    return response
