"""Opening of signed links: the decorator that all their views use, and error pages for bad
links."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, wraps
from urllib.parse import urlencode

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from unsub.domain.context import UnsubContext
from unsub.links.tokens import LinkError, LinkFault
from unsub.models import Channel
from unsub.units import refusals
from unsub.units.opening import open_damaged_link

from .brand import Brand, find_host_brand, find_unit_brand
from .http import saved_nothing, unavailable
from .language import LANGUAGE, choose_language, chosen_language, language_items
from .lost_link import link_invalid

_MARK = "TOKEN"
# What a link that lost its end is refused for.
_CUT = frozenset({LinkFault.MALFORMED, LinkFault.BAD_SIGNATURE})
EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link with a valid signature, and the choices in its query: unsubscribe from everything,
    language. `signed` is the context that the signature covers, without those choices."""

    token: str = field(repr=False)
    context: UnsubContext
    signed: UnsubContext
    everything: bool = False
    language: str = ""

    def url(self, name: str, **more: str) -> str:
        """Return the URL of a page of this link (`unsubscribe`, `done`, `centre`, ...). Its query
        has the choices of the link, and `more`."""
        before, behind = _around_token(name)
        path = f"{before}{self.token}{behind}"
        if not (more or self.everything or self.language):
            return path
        chosen = {EVERYTHING: "1" if self.everything else "", LANGUAGE: self.language} | more
        query = urlencode({key: value for key, value in chosen.items() if value})
        return f"{path}?{query}" if query else path

    def for_everything(self) -> "Link":
        """Return the link with the scope `all`. Test links are returned unchanged."""
        if self.context.is_test:
            return self
        return replace(self, context=self.context.for_everything(), everything=True)


@lru_cache(maxsize=64)
def _around_token(name: str) -> tuple[str, str]:
    """Return what stands before and behind the token in the path of a page. A token needs no
    escaping: it has no other characters than A-Z, a-z, 0-9, `-`, `_` and `.`."""
    before, _, behind = reverse(f"unsub:{name}", args=(_MARK,)).partition(_MARK)
    return before, behind


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
    try:
        token, context = open_damaged_link(text)
    except LinkError as err:
        return _refuse(request, err)
    except (DatabaseError, InterfaceError):
        with translation.override(choose_language(request)):
            return unavailable(saved=saved_nothing(request))
    link = Link(token=token, context=context, signed=context, language=chosen_language(request))
    return link.for_everything() if request.GET.get(EVERYTHING) == "1" else link


def _refuse(request: HttpRequest, err: LinkError) -> HttpResponse:
    """Return the page for a bad link, with brand and lost-link form where the host identifies a
    unit. Where the signature is good and a claim cannot be used, the whole send may be so: it is
    counted for an alarm, and the form is that of the unit in the link."""
    refusals.count_refused(err)
    brand = None
    try:
        brand = find_unit_brand(err.mid) if err.mid else None
        of_unit = brand is not None
        brand = brand or find_host_brand(request.get_host())
    except (DatabaseError, InterfaceError):
        brand, of_unit = Brand(), False
    language = choose_language(request, unit=brand.language)
    problem = "incomplete" if err.reason in _CUT else "bad"
    languages = language_items(language, "") if request.method in {"GET", "HEAD"} else ""
    with translation.override(language):
        return link_invalid(
            brand,
            problem=problem,
            languages=languages,
            chosen=chosen_language(request),
            of_unit=of_unit,
        )


def count_test_link(link: Link, channel: Channel) -> None:
    """Count the use of a test link: nothing was recorded for it. Many of them are a mistake in the
    email's template."""
    refusals.count_test_link(link.signed.mid, channel)


def _other_method(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """Return 204 to OPTIONS, else 405."""
    response = HttpResponse(status=204 if request.method == "OPTIONS" else 405)
    response["Allow"] = ", ".join((*methods, "OPTIONS"))
    return response
