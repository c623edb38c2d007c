"""Profile attributes: which values are valid, and how Retrieve returns them.

The manual does not say which notations of dates, numbers and booleans are accepted; these are our
assumption. Dates are returned in the US format with a time, whatever format they were set in.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from .entities import Attribute
from .errors import RuleError

LONGEST_ADDRESS = 254
_AMERICAN = ("%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S")
_YES = frozenset({"true", "1", "yes", "y"})
_NO = frozenset({"false", "0", "no", "n"})


def clean(attribute: Attribute, value: str) -> str:
    """Return a value as it is stored. Raises RuleError 12004 or 12006."""
    if not value.strip():
        if attribute.required:
            raise RuleError(12006)
        return ""
    if attribute.max_length is not None and len(value) > attribute.max_length:
        raise RuleError(12004)
    if len(value) < (attribute.min_length or 0):
        raise RuleError(12004)
    if attribute.choices and value not in attribute.choices:
        raise RuleError(12004)
    return _READERS.get(attribute.data_type, str)(value)


def is_address(text: str) -> bool:
    """Return whether a text can be an email address."""
    return len(text) <= LONGEST_ADDRESS and bool(
        re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text)
    )


def american(at: datetime) -> str:
    """Return a time as Retrieve formats it in attributes: `5/17/1990 12:00:00 AM`."""
    half = "AM" if at.hour < 12 else "PM"
    clock = f"{at.hour % 12 or 12}:{at.minute:02}:{at.second:02} {half}"
    return f"{at.month}/{at.day}/{at.year} {clock}"


def _date(text: str) -> str:
    for read in (datetime.fromisoformat, *map(_reader, _AMERICAN)):
        try:
            return american(read(text.strip()))
        except ValueError:
            continue
    raise RuleError(12004)


def _reader(form: str) -> Callable[[str], datetime]:
    # A time without a zone, as received: nothing here compares it with another.
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007


def _boolean(text: str) -> str:
    word = text.strip().casefold()
    if word not in _YES | _NO:
        raise RuleError(12004)
    return str(word in _YES)


def _matching(pattern: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text.strip(), re.ASCII):
            raise RuleError(12004)
        return text.strip()

    return read


def _address(text: str) -> str:
    if not is_address(text.strip()):
        raise RuleError(12004)
    return text.strip()


# Keys are the vendor's data types; any other type is text.
_READERS: Mapping[str, Callable[[str], str]] = {
    "Date": _date,
    "Boolean": _boolean,
    "Number": _matching(r"[+-]?\d{1,18}"),
    "Decimal": _matching(r"[+-]?\d{1,18}(\.\d{1,18})?"),
    "EmailAddress": _address,
    "Phone": _matching(r"\+?[\d ()./-]{3,25}"),
}
