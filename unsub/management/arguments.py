"""Types of the arguments of commands. What is wrong with a value is said with the usage, as
argparse does, and with exit status 2."""

from argparse import ArgumentTypeError
from datetime import datetime

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware

LARGEST = 2**63 - 1  # a number in the database


def whole_number(text: str) -> int:
    """Return a whole number that the database can compare with. Raises ArgumentTypeError."""
    try:
        found = int(text)
    except ValueError:
        found = -1
    if not 0 <= found <= LARGEST:
        raise ArgumentTypeError(f"{text} is not a number from 0 to {LARGEST}")
    return found


def port(text: str) -> int:
    """Return the number of a port. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 2**16):
        raise ArgumentTypeError(f"{text} is not a port from 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Return a time in seconds, an hour at most. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found <= 3600:
        raise ArgumentTypeError(f"{text} is not a number of seconds, above 0 and up to 3600")
    return found


def moment(text: str) -> datetime:
    """Return the time that a date, its beginning in UTC, or a time stands for. Raises
    ArgumentTypeError."""
    try:
        day = parse_date(text)
        found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001
    except ValueError:  # such as the 30th of February
        found = None
    if found is None:
        raise ArgumentTypeError(
            f"{text} is neither a date such as 2026-01-31 nor a time such as 2026-01-31T12:00Z"
        )
    return make_aware(found) if is_naive(found) else found
