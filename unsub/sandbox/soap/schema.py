"""Build XML Schema types from short lines, one element each: `ID int ?`.

A line is name, type and occurrence: none is exactly once, `?` at most once, `*` any number, `+` one
or more; `nil` at the end makes the element nillable. `SaveOptions {` starts an optional element
that contains the lines up to `}`.
"""

from collections.abc import Iterator

_BUILT_IN = frozenset({"string", "int", "integer", "boolean", "dateTime"})
_OCCURS = {
    "?": ' minOccurs="0"',
    "*": ' minOccurs="0" maxOccurs="unbounded"',
    "+": ' maxOccurs="unbounded"',
    "nil": ' nillable="true"',
}


def complex_type(name: str, lines: str = "", *, base: str = "") -> str:
    """Return a complex type, extending `base` where given."""
    inside = f"<xs:sequence>{''.join(_elements(lines))}</xs:sequence>"
    if base:
        inside = f'<xs:extension base="api:{base}">{inside}</xs:extension>'
        inside = f"<xs:complexContent>{inside}</xs:complexContent>"
    return f'<xs:complexType name="{name}">{inside}</xs:complexType>\n'


def element(name: str, lines: str) -> str:
    """Return a top-level element: the body of a message."""
    inside = f"<xs:sequence>{''.join(_elements(lines))}</xs:sequence>"
    return f'<xs:element name="{name}"><xs:complexType>{inside}</xs:complexType></xs:element>\n'


def enumeration(name: str, values: str) -> str:
    """Return a simple type with these values, which are separated by blanks. Clients of .NET make
    an enum of it, and refuse a reply with any other value."""
    inside = "".join(f'<xs:enumeration value="{value}"/>' for value in values.split())
    inside = f'<xs:restriction base="xs:string">{inside}</xs:restriction>'
    return f'<xs:simpleType name="{name}">{inside}</xs:simpleType>\n'


def _elements(lines: str) -> Iterator[str]:
    for line in filter(None, map(str.strip, lines.splitlines())):
        words = line.split()
        if words == ["}"]:
            yield "</xs:sequence></xs:complexType></xs:element>"
        elif words[-1] == "{":
            yield f'<xs:element name="{words[0]}"{_OCCURS["?"]}><xs:complexType><xs:sequence>'
        else:
            prefix = "xs" if words[1] in _BUILT_IN else "api"
            occurs = "".join(_OCCURS[word] for word in words[2:])
            yield f'<xs:element name="{words[0]}" type="{prefix}:{words[1]}"{occurs}/>'
