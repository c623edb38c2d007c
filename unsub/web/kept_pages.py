"""Pages that are rendered once for all their readers, and again when what they show of the business
unit has changed.

A page of a link differs from the next reader's in a few texts alone: the mask, the URLs with the
token, the nonce of the style. The rendered page is kept with places for these, into which each
reader's are written, escaped as templates escape them. What a page depends on beside these texts
and the brand is part of the key.
"""

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.translation import get_language

from .http import html_page, new_nonce, page_basics

# Private characters, which escaping leaves as they are.
_STAND_IN = re.compile("\ue000([a-z_]+)\ue001")
_MAX = 512  # pages


@dataclass(slots=True)
class _Kept:
    """A rendered page: the brand that it shows, and its pieces, of which every second one is the
    name of the text that belongs there. None: the page has to be rendered for each reader."""

    brand: Any
    pieces: list[str] | None


_pages: dict[Hashable, _Kept] = {}


def kept_page(
    template: str,
    context: Mapping[str, Any],
    *,
    own: Collection[str] = (),
    more: Callable[[], Mapping[str, Any]] = dict,
    status: int = 200,
) -> HttpResponse:
    """Return what `page` returns for `context` and `more()`, from the kept page where there is one.

    `own` names the texts of `context` that are this reader's alone, of which templates may only ask
    whether they are empty. All others, but for the brand, must be hashable. `more` must depend on
    the brand and the language alone.
    """
    nonce = new_nonce()
    texts = {"nonce": nonce} | {name: context[name] for name in own if context[name]}
    rest = {name: one for name, one in context.items() if name not in own}
    brand = rest.pop("brand")
    # The unit and the email's list are of the brand, too: pages of two that are read in turn would
    # otherwise replace each other.
    key = (
        template, get_language(), brand.mid, brand.list_id, tuple(rest.items()), tuple(texts),
    )  # fmt: skip
    found = _pages.get(key)
    if found is not None and found.brand is not brand:
        # Read again, and mostly the same.
        found = found if found.brand == brand else None
        if found:
            found.brand = brand
    if found is not None and found.pieces is not None:
        return html_page(_filled(found.pieces, texts), nonce, status=status)
    known = {**page_basics(nonce), **context, **more()}
    text = render_to_string(template, known)
    if found is None:
        stand_ins = {name: f"\ue000{name}\ue001" for name in texts}
        pieces = _STAND_IN.split(render_to_string(template, known | stand_ins))
        # A template that does more with a text than to show it is rendered for each reader.
        is_same = {*pieces[1::2]} <= texts.keys() and _filled(pieces, texts) == text
        _keep(key, _Kept(brand, pieces if is_same else None))
    return html_page(text, nonce, status=status)


def _filled(pieces: list[str], texts: Mapping[str, str]) -> str:
    escaped = {name: conditional_escape(text) for name, text in texts.items()}
    whole = pieces[:]
    whole[1::2] = [escaped[name] for name in pieces[1::2]]
    return "".join(whole)


def _keep(key: Hashable, kept: _Kept) -> None:
    if len(_pages) >= _MAX:
        _pages.clear()
    _pages[key] = kept
