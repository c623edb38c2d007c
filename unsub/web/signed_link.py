"""A signed link that was opened: read, and refused kindly where it is bad."""

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

from .brand import Sender, find_host_sender
from .http import page, with_retry
from .language import choose_language
from .lost_link import lost_link_context

# Mail programs and Parameter Manager put things behind a link that are none of its own.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]*")


EVERYTHING, LANGUAGE = "everything", "lang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link whose signature holds, and what its person chose: to leave everything, a language."""

    token: str = field(repr=False)
    context: UnsubContext
    everything: bool = False
    language: str = ""

    def url(self, name: str, **more: str) -> str:
        """Return the address of a page of this link (`unsubscribe`, `done`, `centre` ...), with
        what was chosen, and `more`, in its query."""
        chosen = {EVERYTHING: "1" if self.everything else "", LANGUAGE: self.language} | more
        query = urlencode({key: value for key, value in chosen.items() if value})
        path = reverse(f"unsub:{name}", args=(self.token,))
        return f"{path}?{query}" if query else path

    def for_everything(self) -> "Link":
        """Return the link of somebody who leaves everything instead; a test link stays one."""
        if self.context.is_test:
            return self
        return replace(self, context=self.context.for_everything(), everything=True)


View = Callable[[HttpRequest, Link], HttpResponse]


def linked(*methods: str) -> Callable[[View], Callable[[HttpRequest, str], HttpResponse]]:
    """Return a decorator for views of a signed link, which answers for itself where the link is
    bad, the method another, or the database needed and away.

    The link is the credential, so there is no CSRF token; there is no cookie to ride on either.
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
    """Return the link, or the page that says why there is none."""
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
    """Return the page for a bad link, with the brand and a way on where they can be known."""
    try:
        sender = find_host_sender(request.get_host())
    except (DatabaseError, InterfaceError):
        sender = Sender()
    with translation.override(choose_language(request, unit=sender.language)):
        return page("unsub/link_invalid.html", lost_link_context(sender), status=404)


def _language(request: HttpRequest) -> str:
    """Return the language that was chosen on the page, if it is one we have."""
    code = request.GET.get(LANGUAGE, "")
    return code if code in dict(settings.LANGUAGES) else ""


def _other_method(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """Return the answer to OPTIONS, or 405 to what makes no sense here."""
    response = HttpResponse(status=204 if request.method == "OPTIONS" else 405)
    response["Allow"] = ", ".join((*methods, "OPTIONS"))
    return response
