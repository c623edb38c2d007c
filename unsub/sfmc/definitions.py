"""Describe: names and value rules of a unit's profile attributes (manual: "Describe a
Subscriber")."""

from dataclasses import dataclass
from typing import Any

from .messages import text


@dataclass(frozen=True, slots=True, kw_only=True)
class PicklistItem:
    """One permitted value of a restricted attribute."""

    value: str
    label: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A profile or preference attribute. `name` is its key in a profile, `data_type` the vendor's
    term. `max_length` is None where Describe gives none. Attributes not stated to be viewable or
    editable are neither."""

    name: str
    label: str
    description: str
    data_type: str
    max_length: int | None
    is_required: bool
    is_viewable: bool
    is_editable: bool
    is_restricted: bool
    choices: tuple[PicklistItem, ...]
    default: str
    display_order: int


def read_definitions(reply: Any) -> tuple[Definition, ...]:
    """Return the extended properties of zeep's DefinitionResponseMsg in display order; nameless
    ones are left out. Raises ValueError where no object is described, AttributeError for another
    message."""
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
    """Convert a PropertyDefinition. Name and default keep their spaces: the vendor compares them
    exactly."""
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


def _choices(items: Any) -> tuple[PicklistItem, ...]:
    """Return the picklist items that have a value; others cannot be chosen."""
    return tuple(
        PicklistItem(
            value=item.Value,
            label=text(item.Label) or text(item.Value),
            is_default=bool(item.IsDefaultValue),
        )
        for item in (items.PicklistItem if items is not None else None) or ()
        if item is not None and text(item.Value)
    )
