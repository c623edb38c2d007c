"""Serialise plain values as XML elements of the partner API, in the order given."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from lxml import etree

from .namespaces import PARTNER, XSI

# A text, nested elements, repeated elements, `NIL`; None is left out.
Node: TypeAlias = "str | int | bool | Nil | Mapping[str, Node] | Sequence[Node] | None"
Content: TypeAlias = Mapping[str, Node]

# Key for the element's xsi:type, where the schema has a base type.
TYPE = "@type"

# Default namespace, so that elements have no prefix, as in the vendor's samples. lxml uses None as
# its key, which its type stubs do not allow.
_MAP: dict[Any, str] = {None: PARTNER, "xsi": XSI}


class Nil:
    """An element with xsi:nil."""


NIL = Nil()


def message(name: str, content: Content) -> etree._Element:
    """Return an element with that name and content."""
    element = etree.Element(f"{{{PARTNER}}}{name}", nsmap=_MAP)
    _fill(element, content)
    return element


def _fill(element: etree._Element, content: Content) -> None:
    for name, node in content.items():
        if name == TYPE:
            element.set(f"{{{XSI}}}type", str(node))
        elif isinstance(node, Sequence) and not isinstance(node, str):
            for one in node:
                _add(element, name, one)
        else:
            _add(element, name, node)


def _add(parent: etree._Element, name: str, node: Node) -> None:
    if node is None:
        return
    element = etree.SubElement(parent, f"{{{PARTNER}}}{name}")
    if isinstance(node, Mapping):
        _fill(element, node)
    elif isinstance(node, Nil):
        element.set(f"{{{XSI}}}nil", "true")
    else:
        element.text = str(node).lower() if isinstance(node, bool) else str(node)
