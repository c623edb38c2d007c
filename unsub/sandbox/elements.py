"""Texts out of the elements of a message."""

from lxml import etree

from .names import PARTNER


def text(element: etree._Element, path: str) -> str | None:
    """Return the text at a path of qualified names, or None where nothing is."""
    found = element.find(path)
    return None if found is None else (found.text or "").strip()


def at(*names: str) -> str:
    """Return the path of elements of the partner API, one inside the other."""
    return "/".join(f"{{{PARTNER}}}{name}" for name in names)


def values(element: etree._Element, name: str) -> dict[str, str]:
    """Return the Name and Value of each element of that name; the last of two counts."""
    return {
        text(one, at("Name")) or "": one.findtext(at("Value")) or ""
        for one in element.iterfind(at(name))
    }


def number(value: str | None) -> int | None:
    """Return an int32 that is not negative, or None."""
    usable = value is not None and value.isascii() and value.isdigit() and len(value) < 11
    return int(value) if value and usable and int(value) < 2**31 else None
