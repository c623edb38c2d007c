"""A profile attribute as Describe gives it -> what the page asks, and what may be written. Pure.

Values travel as texts in both directions (manual: "Attribute").
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from unsub.privacy import is_address, mask_key
from unsub.sfmc import Definition

LENGTH_MAX = 4000  # of a profile attribute, where Describe does not say
# Documented as supported are the characters 32 to 254 (facts 6); among them are the C1 controls.
_SUPPORTED = frozenset({*range(32, 127), *range(160, 255)})
_DATES = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S")


class Asks(StrEnum):
    """How a value is asked for."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    EMAIL = "email"
    PHONE = "phone"
    CHOICE = "choice"


_TYPES = {
    "number": Asks.NUMBER, "decimal": Asks.NUMBER, "date": Asks.DATE, "boolean": Asks.YES_NO,
    "emailaddress": Asks.EMAIL, "phone": Asks.PHONE,
}  # fmt: skip
YES, NO = "True", "False"
_YES = frozenset({"true", "1", "yes", "y"})
_NO = frozenset({"false", "0", "no", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute on the page. `id` is the same for the same name, whatever else changes."""

    id: str
    name: str
    label: str
    help_text: str
    asks: Asks
    length: int
    is_required: bool
    is_editable: bool
    choices: tuple[tuple[str, str], ...] = ()

    def masked(self, raw: str) -> str:
        """Return a value to be read: addresses are masked, whatever the attribute is called."""
        text = self.shown(raw).strip()
        return mask_key(text) if text and (self.asks is Asks.EMAIL or is_address(text)) else text

    def shown(self, raw: str) -> str:
        """Return a value that Marketing Cloud holds as its form field takes it: a date in ISO 8601,
        yes and no as `True` and `False`, a text on one line; what is no choice as it is."""
        if self.asks is Asks.DATE:
            day = date_of(raw)
            return day.isoformat() if day else raw
        if self.asks is Asks.YES_NO and raw.casefold() in _YES | _NO:
            return YES if raw.casefold() in _YES else NO
        # An input of one line drops the breaks: what comes back would look like a change.
        return raw if self.asks is Asks.CHOICE else " ".join(raw.splitlines())


def fields_of(definitions: Iterable[Definition]) -> tuple[Field, ...]:
    """Return the attributes that people may see, in order. Those that are hidden are left out, and
    so is whatever has no name."""
    return tuple(_field(one) for one in definitions if one.is_viewable and one.name)


def _field(one: Definition) -> Field:
    """Return the field of a definition."""
    kind = one.data_type.replace(" ", "").casefold()
    choices = tuple((item.value, item.label or item.value) for item in one.choices)
    return Field(
        id=f"a{hashlib.sha256(one.name.encode()).hexdigest()[:10]}",
        name=one.name,
        label=one.label or one.name,
        help_text=one.description,
        asks=Asks.CHOICE if choices and one.is_restricted else _TYPES.get(kind, Asks.TEXT),
        length=one.max_length or LENGTH_MAX,
        is_required=one.is_required,
        is_editable=one.is_editable,
        choices=choices,
    )


def date_of(raw: str) -> date | None:
    """Return the day that a text of Marketing Cloud's stands for, or None."""
    for form in _DATES:
        try:
            return datetime.strptime(raw.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def unsupported(text: str) -> str:
    """Return the characters that Marketing Cloud does not say it holds, each once, in order."""
    return "".join(dict.fromkeys(char for char in text if ord(char) not in _SUPPORTED))
