"""A visit: a link that was opened, whose mail it was, and in which language we talk."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from unsub import metrics
from unsub.context import Effect, UnsubContext
from unsub.links import LinkError
from unsub.privacy import mask
from unsub.units import open_link

from .answers import page, with_retry
from .language import choose_language
from .sender import Sender, find_sender

# Mail programs and Parameter Manager put things behind a link that are none of its own.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a view needs to know of the link that led to it."""

    token: str
    context: UnsubContext
    sender: Sender
    language: str

    def url(self, name: str) -> str:
        """Return the path of another page of this link: `unsubscribe`, `done` or `undo`."""
        return reverse(f"unsub:{name}", args=(self.token,))

    def as_context(self) -> dict[str, Any]:
        """Return what every template of a visit shows. The person only ever appears masked."""
        who = self.context.subscriber
        masked = mask(who)
        return {
            "sender": self.sender,
            "masked": masked,
            "is_address": "@" in masked,
            "from_everything": self.context.effect is Effect.FROM_EVERYTHING,
            "is_test": self.context.is_test,
            "page_url": self.url("unsubscribe"),
            "done_url": self.url("done"),
            "undo_url": self.url("undo"),
        }


View = Callable[[HttpRequest, Visit], HttpResponse]


def visited(*methods: str) -> Callable[[View], Callable[[HttpRequest, str], HttpResponse]]:
    """Return a decorator for views of a signed link: it reads the link, chooses the language, and
    answers for itself where the link is bad, the method another, or the database needed but away.

    The link is the credential, so there is no CSRF token; there is no cookie to ride on either.
    """

    def decorate(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, token: str) -> HttpResponse:
            if request.method not in methods:
                return _other_method(request, methods)
            visit = _open(request, token)
            if isinstance(visit, HttpResponse):
                return visit
            with translation.override(visit.language):
                return view(request, visit)

        return wrapped

    return decorate


def _open(request: HttpRequest, text: str) -> Visit | HttpResponse:
    """Return the visit, or the page that says why there is none."""
    found = _TOKEN.match(text)
    token = found[0].rstrip(".") if found else ""
    language = choose_language(request, link=None, unit="")
    try:
        context = open_link(token)
    except LinkError as err:
        metrics.BAD_LINKS.labels(reason=err.reason.value).inc()
        with translation.override(language):
            return page("unsub/link_invalid.html", status=404)
    except (DatabaseError, InterfaceError):
        with translation.override(language):
            return with_retry(page("unsub/unavailable.html", status=503))
    sender = find_sender(context.mid)
    language = choose_language(request, link=context.language, unit=sender.language)
    return Visit(token=token, context=context, sender=sender, language=language)


def _other_method(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """Return the answer to OPTIONS, or 405 to what makes no sense here."""
    response = HttpResponse(status=204 if request.method == "OPTIONS" else 405)
    response["Allow"] = ", ".join((*methods, "OPTIONS"))
    return response
