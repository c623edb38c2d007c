"""What every page of a link needs: link, brand and language."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.utils import timezone, translation

from unsub.domain.context import Effect
from unsub.domain.masking import mask

from .brand import Brand, find_brand
from .language import choose_language, language_items
from .signed_link import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """A link with its unit's brand and the language of the page. `is_get`: the page can be fetched
    again, so that its links to other languages need not repeat the token."""

    link: Link
    brand: Brand
    language: str
    is_get: bool = False

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
            "languages": self.languages(),
        }

    def languages(self, page: str = "unsubscribe") -> str:
        """Return a list item for each available language: its name, linked to the same page in
        that language, or to `page` where it is the answer to a POST."""
        url = replace(self.link, language="").url(page)
        return language_items(self.language, _query_of(url) if self.is_get else url)


def _query_of(url: str) -> str:
    """Return the query of a URL with its question mark, or "" where it has none."""
    _, mark, query = url.partition("?")
    return mark + query


@contextmanager
def page_for(request: HttpRequest, link: Link) -> Iterator[PageContext]:
    """Yield the context of a page with its language and the unit's time zone activated.

    Queries the database for the brand, which a one-click POST does not need.
    """
    brand = find_brand(link.context)
    context = replace(link.context, all_subscribers=brand.all_subscribers)
    link = replace(link, context=context)
    language = link.language or choose_language(
        request, link=link.context.language, unit=brand.language
    )
    is_get = request.method in {"GET", "HEAD"}
    with translation.override(language), timezone.override(brand.time_zone):
        yield PageContext(link=link, brand=brand, language=language, is_get=is_get)
