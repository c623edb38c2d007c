"""A unit's texts in all languages, in one table: what the pages show at each place."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from unsub.models import BusinessUnit, PageText, Place
from unsub.preferences.standard_texts import standard_digest
from unsub.units.text_status import TextStatus, WrittenText, status_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# The words of a status, and the colour of its badge.
_WORDS: dict[TextStatus, tuple["_StrPromise", str]] = {
    TextStatus.OWN: (_("Own text"), "done"),
    TextStatus.STANDARD_CHANGED: (_("Check: default text changed"), "waiting"),
    TextStatus.OLDER: (_("Check: older than the default language"), "waiting"),
    TextStatus.MISSING: (_("Missing"), "waiting"),
    TextStatus.STANDARD: (_("Default text"), "pending"),
    TextStatus.INHERITED: (_("As in the default language"), "pending"),
    TextStatus.NONE: (_("None"), "none"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A text: its place, its status in words, and where it is edited."""

    place: str
    words: str
    colour: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A language. `sources` are the others with texts to copy from, as (code, name)."""

    code: str
    name: str
    is_default: bool
    cells: tuple[Cell, ...]
    sources: tuple[tuple[str, str], ...]


def languages_page(
    request: HttpRequest, unit: BusinessUnit, context: dict[str, Any]
) -> HttpResponse:
    """Return the table of a unit's texts."""
    more = {
        "title": gettext("Page texts in all languages: %s") % unit.name,
        "unit": unit,
        "places": [place.label for place in Place],
        "rows": rows_of(unit),
        "editor": reverse("admin:unsub_businessunit_texts", args=(unit.mid,)),
    }
    return TemplateResponse(request, "admin/unsub/businessunit/languages.html", context | more)


def rows_of(unit: BusinessUnit) -> list[Row]:
    """Return a row for each language, the unit's default language first. One query."""
    written = {
        (one.language, one.place): WrittenText(
            changed_at=one.changed_at, standard_digest=one.standard_digest
        )
        for one in PageText.objects.filter(unit=unit).order_by()
    }
    having = {language for language, _place in written}
    ordered = sorted(settings.LANGUAGES, key=lambda one: one[0] != unit.language)
    return [
        Row(
            code=code,
            name=name,
            is_default=code == unit.language,
            cells=tuple(_cell(unit, code, place, written) for place in Place),
            sources=tuple(one for one in ordered if one[0] in having and one[0] != code),
        )
        for code, name in ordered
    ]


def _cell(
    unit: BusinessUnit, code: str, place: Place, written: dict[tuple[str, str], WrittenText]
) -> Cell:
    status = status_of(
        code,
        place.value,
        base=unit.language,
        written=written,
        standard_digest=standard_digest(place, code),
    )
    words, colour = _WORDS[status]
    editor = reverse("admin:unsub_businessunit_texts", args=(unit.mid,))
    return Cell(
        place=str(place.label),
        words=str(words),
        colour=colour,
        url=f"{editor}?{urlencode({'language': code})}#id_{place.value}",
    )
