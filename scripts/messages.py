"""Update and check the translations of recipients' pages. `make install` compiles them.

    python -m scripts.messages update     write new messages into locale/*/LC_MESSAGES/django.po
    python -m scripts.messages check      fail if a translation is missing or cannot be right

The admin is not included: recipients have seventeen languages, marketers one.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from .steps import ROOT, say

LOCALE = ROOT / "locale"
SOURCES = (
    "unsub/models/kinds.py", "unsub/preferences/*.py", "unsub/web/**/*.py",
    "unsub/migrations/0003_data.py", "profilecenter/formats/months.py",
)  # fmt: skip
TEMPLATES = "templates/unsub/*.html"
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "pgettext": ((1, "c"), 2),
}  # fmt: skip
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|</?[a-z]+")


def main(arguments: list[str]) -> int:
    """Return 0, or 1 if `check` finds something."""
    command = arguments[0] if arguments else ""
    if command not in {"update", "check"}:
        say(__doc__ or "")
        return 2
    found = gather()
    problems = [line for path in _catalogues() for line in _work(command, path, found)]
    for problem in problems:
        say(problem)
    return 1 if problems else 0


def gather() -> Catalog:
    """Return all messages of recipients' pages, with their locations."""
    catalog = Catalog()
    for path, text in _texts():
        for line, message, _, context in extract(
            "python", BytesIO(text.encode()), KEYWORDS, options={"encoding": "utf-8"}
        ):
            catalog.add(message, locations=[(path, line)], context=context)
    return catalog


def _texts() -> Iterator[tuple[str, str]]:
    """Yield the path and the Python text of each source; templates as converted by Django."""
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), path.read_text()
    for path in sorted(ROOT.glob(TEMPLATES)):
        yield str(path.relative_to(ROOT)), templatize(path.read_text(), origin=str(path))


def _catalogues() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def _work(command: str, path: Path, found: Catalog) -> list[str]:
    """Update or check one catalogue; return what is wrong with it."""
    language = path.parent.parent.name
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    if command == "update":
        catalog.update(found, no_fuzzy_matching=True, update_header_comment=False)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalog, width=100, omit_header=False, include_lineno=False)
    else:
        return list(_problems(language, catalog, found))
    return []


def _problems(language: str, catalog: Catalog, found: Catalog) -> Iterator[str]:
    """Yield missing, fuzzy, inconsistent and obsolete translations of a language."""
    for message in found:
        if not message.id:
            continue
        own = catalog.get(message.id, message.context)
        if own is None or not all(_strings(own)):
            yield f"{language}: missing: {message.id!r}"
        elif own.fuzzy:
            yield f"{language}: fuzzy: {message.id!r}"
        elif any(_marks(text) != _marks(_source(message)) for text in _strings(own)):
            yield f"{language}: other placeholders: {message.id!r}"
    for message in catalog:
        if message.id and found.get(message.id, message.context) is None:
            yield f"{language}: no longer used: {message.id!r}"


def _strings(message: Message) -> tuple[str, ...]:
    """Return the translations of a message: one, or one per plural form."""
    given = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return tuple(str(text or "") for text in given)


def _source(message: Message) -> str:
    return str(message.id[-1] if isinstance(message.id, tuple | list) else message.id)


def _marks(text: str) -> list[str]:
    """Return the placeholders and tags of a text."""
    return sorted(_PLACEHOLDER.findall(text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
