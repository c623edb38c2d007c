"""Filters of Retrieve: simple conditions, and conditions joined by AND or OR."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lxml import etree

from .elements import at, text
from .namespaces import XSI


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleFilter:
    """A condition on one property. `values` are texts or dates as written."""

    property: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplexFilter:
    """Conditions joined by `operator`, which is as written."""

    operator: str
    operands: tuple["Filter", ...]


Filter: TypeAlias = SimpleFilter | ComplexFilter

_OPERANDS = (
    at("LeftOperand"),
    at("RightOperand"),
    at("AdditionalOperands", "Operand"),
)


def read_filter(element: etree._Element | None) -> Filter | None:
    """Return the condition in a Filter or operand, or None where there is none."""
    if element is None:
        return None
    kind = (element.get(f"{{{XSI}}}type") or "").rpartition(":")[2]
    if kind == "ComplexFilterPart" or element.find(at("LogicalOperator")) is not None:
        operands = tuple(_operands(element))
        return ComplexFilter(operator=text(element, at("LogicalOperator")) or "", operands=operands)
    values = (*element.iterfind(at("Value")), *element.iterfind(at("DateValue")))
    return SimpleFilter(
        property=text(element, at("Property")) or "",
        operator=text(element, at("SimpleOperator")) or "",
        values=tuple((one.text or "").strip() for one in values),
    )


def _operands(element: etree._Element) -> Iterator[Filter]:
    for path in _OPERANDS:
        for one in element.iterfind(path):
            found = read_filter(one)
            if found is not None:
                yield found
