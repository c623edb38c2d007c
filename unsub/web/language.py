"""Language of a page: the link's, else the browser's, else the unit's."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

# Readers of traditional Chinese. Django would show them simplified characters; their next language
# is a better guess.
_TRADITIONAL = re.compile(r"zh-(hant|tw|hk|mo)\b")


def choose_language(request: HttpRequest, *, link: str | None = None, unit: str = "") -> str:
    """Return the first supported language of link, Accept-Language header and unit, else
    LANGUAGE_CODE.

    A language chosen on the page has precedence over all of these: see `Link.language`.
    """
    reads_traditional = False
    for tag in _asked_for(request, link, unit):
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


def _asked_for(request: HttpRequest, link: str | None, unit: str) -> Iterator[str]:
    """Yield language tags in order of preference."""
    if link:
        yield link
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    yield from (tag for tag, _ in accepted if tag != "*")
    if unit:
        yield unit
