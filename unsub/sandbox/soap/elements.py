"""Helpers that read text from message elements."""

from lxml import etree

from .namespaces import PARTNER


def text(element: etree._Element, path: str) -> str | None:
    """Return the text at a path of qualified names, or None where there is no such element."""
    found = element.find(path)
    return None if found is None else (found.text or "").strip()


def at(*names: str) -> str:
    """Return a path of nested elements in the partner API's namespace."""
    return "/".join(f"{{{PARTNER}}}{name}" for name in names)


def client_of(element: etree._Element, name: str = "Client") -> str | None:
    """Return the MID in a Client element as written, or None. ClientID inside it is deprecated."""
    return text(element, at(name, "ID")) or text(element, at(name, "ClientID"))


def values(element: etree._Element, name: str) -> dict[str, str]:
    """Return {Name: Value} of the child elements called `name`; the last duplicate counts."""
    return {
        text(one, at("Name")) or "": one.findtext(at("Value")) or ""
        for one in element.iterfind(at(name))
    }


def number(value: str | None) -> int | None:
    """Return a non-negative int32, or None."""
    usable = value is not None and value.isascii() and value.isdigit() and len(value) < 11
    return int(value) if value and usable and int(value) < 2**31 else None
