"""The profile centre: what somebody gets, what is known of them, and changing it (design 3.1)."""

from .confirm import confirm
from .details import details
from .lists import centre
from .new_link import new_link
from .pauses import pause
from .yours import erase, yours, yours_json

__all__ = [
    "centre",
    "confirm",
    "details",
    "erase",
    "new_link",
    "pause",
    "yours",
    "yours_json",
]
