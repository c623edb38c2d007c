"""Cursors of lists: opaque to clients, and the place behind the last row. Rows that are added
meanwhile move nothing."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from .problems import ApiProblem, invalid

Place = list[str | int]


def written(place: Place) -> str:
    """Return a place as a cursor."""
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read(cursor: str, *kinds: type[str | int]) -> Place:
    """Return the place of a cursor, of values of these kinds. Raises ApiProblem for others."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = json.loads(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad() from None
    if not isinstance(place, list) or [type(one) for one in place] != list(kinds):
        raise _bad()
    if any(isinstance(one, int) and not 0 <= one < 2**63 for one in place):
        raise _bad()
    # None of our texts: the database takes neither NUL nor half a surrogate pair.
    if any(isinstance(one, str) and not one.isprintable() for one in place):
        raise _bad()
    return place


def _bad() -> ApiProblem:
    return invalid("cursor", "Not a cursor of this list.")
