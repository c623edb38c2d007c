"""What every page of a link needs: link, brand and language."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from unsub.domain.context import Effect
from unsub.domain.masking import mask

from .brand import Brand, find_brand
from .language import choose_language
from .signed_link import LANGUAGE, Link

_URL = "URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """A link with its unit's brand and the language of the page."""

    link: Link
    brand: Brand
    language: str

    @property
    def shows_details(self) -> bool:
        """Whether the page may show the details unmasked, change and export them: with a link that
        was mailed to the address on file within the last hour, or where the unit does not ask for
        one."""
        return not self.brand.protects_details or self.link.context.is_proved(time.time())

    def as_context(self) -> dict[str, Any]:
        """Return the template context that all pages of a link share. Contains the subscriber
        masked only."""
        context = self.link.context
        masked = mask(context.subscriber)
        return {
            "brand": self.brand,
            "masked": masked,
            "is_address": "@" in masked,
            "from_everything": context.effect is Effect.FROM_EVERYTHING,
            "spares_other_lists": context.spares_other_lists,
            "chose_everything": self.link.everything,
            "is_test": context.is_test,
            "shows_details": self.shows_details,
            "page_url": self.link.url("unsubscribe"),
            "done_url": self.link.url("done"),
            "undo_url": self.link.url("undo"),
            "reason_url": self.link.url("reason"),
            "centre_url": self.link.url("centre") if self.brand.profile_centre else "",
            "details_url": self.link.url("details"),
            "pause_url": self.link.url("pause"),
            "yours_url": self.link.url("yours"),
            "yours_json_url": self.link.url("yours_json"),
            "erase_url": self.link.url("erase"),
            "new_link_url": self.link.url("new_link"),
            "why_url": self.link.url("done", why="1"),
            "languages": self.languages(),
        }

    def languages(self, page: str = "unsubscribe") -> str:
        """Return a list item for each available language: its name, linked to `page` in that
        language."""
        return _language_items(self.language, replace(self.link, language="").url(page))


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


def _language_items(current: str, url: str) -> SafeString:
    before = conditional_escape(f"{url}{'&' if '?' in url else '?'}{LANGUAGE}=")
    return mark_safe(_items_for(current).replace(_URL, before))  # noqa: S308 - both are escaped


@contextmanager
def page_for(request: HttpRequest, link: Link) -> Iterator[PageContext]:
    """Yield the context of a page with its language activated.

    Queries the database for the brand, which a one-click POST does not need.
    """
    brand = find_brand(link.context)
    context = replace(link.context, all_subscribers=brand.all_subscribers)
    link = replace(link, context=context)
    language = link.language or choose_language(
        request, link=link.context.language, unit=brand.language
    )
    with translation.override(language):
        yield PageContext(link=link, brand=brand, language=language)
