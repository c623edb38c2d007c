"""Language of a page: the link's, else the browser's, else the unit's."""

import re
from collections.abc import Iterator
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

LANGUAGE = "lang"  # in the query of a page: the language chosen on it
_URL = "URL"
_KEPT_LENGTH = 200  # of the headers for which the choice is kept
# Readers of traditional Chinese. Django would show them simplified characters; their next language
# is a better guess.
_TRADITIONAL = re.compile(r"zh-(hant|tw|hk|mo)\b")


def choose_language(request: HttpRequest, *, link: str | None = None, unit: str = "") -> str:
    """Return the first supported language of link, Accept-Language header and unit, else
    LANGUAGE_CODE.

    A language chosen on the page has precedence over all of these.
    """
    if chosen := chosen_language(request):
        return chosen
    accepted = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    choose = _first_supported if len(accepted) <= _KEPT_LENGTH else _first_supported.__wrapped__
    return choose(accepted, link, unit)


@lru_cache(maxsize=1000)
def _first_supported(accepted: str, link: str | None, unit: str) -> str:
    reads_traditional = False
    for tag in _asked_for(accepted, link, unit):
        code = tag.lower().replace("_", "-")
        reads_traditional |= _TRADITIONAL.match(code) is not None
        # Their browsers ask for `zh` next.
        if reads_traditional and (code == "zh" or _TRADITIONAL.match(code)):
            continue
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def chosen_language(request: HttpRequest) -> str:
    """Return the language chosen on the page, or "" where it is not supported."""
    code = request.GET.get(LANGUAGE, "")
    return code if code in dict(settings.LANGUAGES) else ""


@lru_cache(maxsize=len(settings.LANGUAGES))
def _items_for(current: str) -> SafeString:
    """Return the list items of the languages, with _URL for the URL up to the language."""
    here = format_html(' aria-current="{}"', "true")
    return format_html_join(
        "",
        '<li><a href="{}{}" hreflang="{}" lang="{}"{}>{}</a></li>',
        (
            (_URL, code, code, code, here if code == current else "", name)
            for code, name in settings.LANGUAGES
        ),
    )


def language_items(current: str, url: str) -> SafeString:
    """Return a list item for each available language: its name, linked to `url` in that
    language."""
    before = conditional_escape(f"{url}{'&' if '?' in url else '?'}{LANGUAGE}=")
    return mark_safe(_items_for(current).replace(_URL, before))  # noqa: S308 - both are escaped


def _asked_for(accepted: str, link: str | None, unit: str) -> Iterator[str]:
    """Yield language tags in order of preference."""
    if link:
        yield link
    yield from (tag for tag, _ in parse_accept_lang_header(accepted) if tag != "*")
    if unit:
        yield unit
