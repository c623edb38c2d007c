"""Complex types of a schema out of short lines, one element each: `ID int ?`.

After the name and the type comes how often: nothing is once, `?` at most once, `*` any number, `+`
one or more. `nil` at the end: the element may say that it has no value. A name
with a brace, `SaveOptions {`, is an element that may be missing and holds the lines up to `}`.
"""

from collections.abc import Iterator

_BUILT_IN = frozenset({"string", "int", "boolean", "dateTime"})
_OCCURS = {
    "?": ' minOccurs="0"',
    "*": ' minOccurs="0" maxOccurs="unbounded"',
    "+": ' maxOccurs="unbounded"',
    "nil": ' nillable="true"',
}


def complex_type(name: str, lines: str = "", *, base: str = "") -> str:
    """Return a complex type of that name, with what its base has first."""
    inside = f"<xs:sequence>{''.join(_elements(lines))}</xs:sequence>"
    if base:
        inside = f'<xs:extension base="api:{base}">{inside}</xs:extension>'
        inside = f"<xs:complexContent>{inside}</xs:complexContent>"
    return f'<xs:complexType name="{name}">{inside}</xs:complexType>\n'


def element(name: str, lines: str) -> str:
    """Return an element of that name: what stands in the body of a message."""
    inside = f"<xs:sequence>{''.join(_elements(lines))}</xs:sequence>"
    return f'<xs:element name="{name}"><xs:complexType>{inside}</xs:complexType></xs:element>\n'


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
