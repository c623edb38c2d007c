"""Update and check the translations of recipients' pages. `make install` compiles them.

    python -m scripts.messages update     write new messages into locale/*/LC_MESSAGES/django.po
    python -m scripts.messages check      fail if a translation is missing or cannot be right

Both know where a line must not end, such as in "E-Mail" or between a number and its unit: `update`
puts a character there that does not break, and `check` names a text that has none.

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
# A hyphen or a space that keeps its line together.
_HYPHEN, _SPACE = "\u2011", "\u00a0"
_NUMBER = r"(?:(?<=\d)|(?<=%\(max\)s)|(?<=%\(number\)s))"
# In every language: after a single letter, and between a number and its unit.
_EVERYWHERE = (
    (re.compile(r"(?<!\w)([A-Za-z\u05d0-\u05ea])-(?=\w)"), rf"\1{_HYPHEN}"),
    (re.compile(rf"{_NUMBER} (?=[^\W\d_])"), _SPACE),
)
_BY_LANGUAGE = {
    # A compound such as "Werbe-E-Mails" is one word.
    "de": ((re.compile(r"(?<=\w)-(?=E[-\u2011]Mail)"), _HYPHEN),),
    "fr": ((re.compile(r" (?=[?!;:»])|(?<=«) "), _SPACE),),
    # A preposition or conjunction of one letter does not end a line.
    "pl": ((re.compile(r"(?<!\w)([aiouwzAIOUWZ]) (?=\w|%\()"), rf"\1{_SPACE}"),),
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|</?[a-z]+")


def main(arguments: list[str]) -> int:
    """Return 0, or 1 if `check` finds something."""
    command = arguments[0] if arguments else ""
    if command not in {"update", "check"}:
        say(__doc__ or "")
        return 2
    found = gather()
    problems = [
        f"in the code: a line could end inside it: {message.id!r}"
        for message in found
        if command == "check" and unbreakable("en", _source(message)) != _source(message)
    ]
    problems += [line for path in _catalogues() for line in _work(command, path, found)]
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


def unbreakable(language: str, text: str) -> str:
    """Return a text with characters that do not break wherever a line must not end."""
    for found, instead in (*_EVERYWHERE, *_BY_LANGUAGE.get(language, ())):
        text = found.sub(instead, text)
    return text


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
        for message in catalog:
            if message.id:
                message.string = _kept_together(language, message)
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
        elif wrong := _wrong(language, own, _source(message)):
            yield f"{language}: {wrong}: {message.id!r}"
    for message in catalog:
        if message.id and found.get(message.id, message.context) is None:
            yield f"{language}: no longer used: {message.id!r}"


def _wrong(language: str, own: Message, source: str) -> str:
    """Return what is wrong with a translation, or ""."""
    if own.fuzzy:
        return "fuzzy"
    if any(_marks(text) != _marks(source) for text in _strings(own)):
        return "other placeholders"
    if any(unbreakable(language, text) != text for text in _strings(own)):
        return "a line could end inside it"
    return ""


def _strings(message: Message) -> tuple[str, ...]:
    """Return the translations of a message: one, or one per plural form."""
    given = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return tuple(str(text or "") for text in given)


def _kept_together(language: str, message: Message) -> str | tuple[str, ...]:
    """Return the translations of a message as `unbreakable` has them."""
    texts = tuple(unbreakable(language, text) for text in _strings(message))
    return texts if isinstance(message.string, tuple | list) else texts[0]


def _source(message: Message) -> str:
    return str(message.id[-1] if isinstance(message.id, tuple | list) else message.id)


def _marks(text: str) -> list[str]:
    """Return the placeholders and tags of a text."""
    return sorted(_PLACEHOLDER.findall(text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
