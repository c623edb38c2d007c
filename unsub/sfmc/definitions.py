"""Describe: what a unit's profile attributes are called and may hold (manual: "Describe a
Subscriber")."""

from dataclasses import dataclass
from typing import Any

from .messages import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the values that an attribute is restricted to."""

    value: str
    label: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A profile or preference attribute. `name` is the attribute's key in a profile, `data_type`
    the vendor's word; no `max_length` is none that anybody told. What is not said to be viewable
    or editable is neither."""

    name: str
    label: str
    description: str
    data_type: str
    max_length: int | None
    is_required: bool
    is_viewable: bool
    is_editable: bool
    is_restricted: bool
    choices: tuple[Choice, ...]
    default: str
    display_order: int


def read_definitions(reply: Any) -> tuple[Definition, ...]:
    """Return the extended properties of zeep's DefinitionResponseMsg in the order of display; those
    without a name are left out. Raises ValueError where nothing is described, AttributeError where
    the message is another."""
    if not reply.ObjectDefinition:
        raise ValueError("a description of nothing")
    rows = [
        row
        for described in reply.ObjectDefinition
        if described.ExtendedProperties is not None
        for row in described.ExtendedProperties.ExtendedProperty or ()
        if row is not None and text(row.Name)
    ]
    found = [_definition(row) for row in rows]
    return tuple(sorted(found, key=lambda one: (one.display_order, one.name)))


def _definition(row: Any) -> Definition:
    """Return a PropertyDefinition as a value. Name and default are kept to the letter: they are
    what the vendor compares with."""
    return Definition(
        name=str(row.Name),
        label=text(row.Label) or text(row.Name),
        description=text(row.Description),
        data_type=text(row.DataType),
        max_length=row.MaxLength or None,
        is_required=bool(row.IsRequired),
        is_viewable=bool(row.IsViewable),
        is_editable=bool(row.IsEditable),
        is_restricted=bool(row.IsRestrictedPicklist),
        choices=_choices(row.PicklistItems),
        default=str(row.DefaultValue or ""),
        display_order=row.DisplayOrder or 0,
    )


def _choices(items: Any) -> tuple[Choice, ...]:
    """Return the items that have a value: another could not be chosen."""
    return tuple(
        Choice(
            value=item.Value,
            label=text(item.Label) or text(item.Value),
            is_default=bool(item.IsDefaultValue),
        )
        for item in (items.PicklistItem if items is not None else None) or ()
        if item is not None and text(item.Value)
    )
