"""Attribute definitions from Describe -> fields of the page, and the values they accept.

Values are text in both directions (manual: "Attribute").
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from unsub.domain.masking import is_address, mask_key
from unsub.sfmc import Definition

LENGTH_MAX = 4000  # of a profile attribute whose length Describe does not give
# Marketing Cloud documents characters 32 to 254 as supported; the C1 controls in that range are
# excluded here.
_SUPPORTED = frozenset({*range(32, 127), *range(160, 255)})
_DATES = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S")


class InputType(StrEnum):
    """The kind of input for a value."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    EMAIL = "email"
    PHONE = "phone"
    CHOICE = "choice"


_TYPES = {
    "number": InputType.NUMBER,
    "decimal": InputType.NUMBER,
    "date": InputType.DATE,
    "boolean": InputType.YES_NO,
    "emailaddress": InputType.EMAIL,
    "phone": InputType.PHONE,
}
YES, NO = "True", "False"
_YES = frozenset({"true", "1", "yes", "y"})
_NO = frozenset({"false", "0", "no", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute on the page. `id` is derived from the name alone, so it survives other
    changes."""

    id: str
    name: str
    label: str
    help_text: str
    input_type: InputType
    length: int
    is_required: bool
    is_editable: bool
    choices: tuple[tuple[str, str], ...] = ()

    def masked(self, raw: str) -> str:
        """Return a value for display. Email addresses are masked, whatever the attribute is
        called."""
        text = self.shown(raw).strip()
        return (
            mask_key(text)
            if text and (self.input_type is InputType.EMAIL or is_address(text))
            else text
        )

    def shown(self, raw: str) -> str:
        """Return a stored value as its form field takes it: dates in ISO 8601, booleans as `True`
        and `False`, text on one line. Choices, and values that cannot be parsed, are unchanged."""
        if self.input_type is InputType.DATE:
            day = date_of(raw)
            return day.isoformat() if day else raw
        if self.input_type is InputType.YES_NO and raw.casefold() in _YES | _NO:
            return YES if raw.casefold() in _YES else NO
        # A single-line input drops line breaks: the submitted value would look like a change.
        return raw if self.input_type is InputType.CHOICE else " ".join(raw.splitlines())


def fields_of(definitions: Iterable[Definition]) -> tuple[Field, ...]:
    """Return the viewable attributes in the order given; hidden and nameless ones are left out."""
    return tuple(_field(one) for one in definitions if one.is_viewable and one.name)


def _field(one: Definition) -> Field:
    kind = one.data_type.replace(" ", "").casefold()
    choices = tuple((item.value, item.label or item.value) for item in one.choices)
    return Field(
        id=f"a{hashlib.sha256(one.name.encode()).hexdigest()[:10]}",
        name=one.name,
        label=one.label or one.name,
        help_text=one.description,
        input_type=InputType.CHOICE
        if choices and one.is_restricted
        else _TYPES.get(kind, InputType.TEXT),
        length=one.max_length or LENGTH_MAX,
        is_required=one.is_required,
        is_editable=one.is_editable,
        choices=choices,
    )


def date_of(raw: str) -> date | None:
    """Return the date in a value of Marketing Cloud, or None."""
    for form in _DATES:
        try:
            return datetime.strptime(raw.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def unsupported(text: str) -> str:
    """Return the characters that are not documented as supported, each once, in order."""
    return "".join(dict.fromkeys(char for char in text if ord(char) not in _SUPPORTED))
