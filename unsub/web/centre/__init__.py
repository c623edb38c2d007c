"""The profile centre's pages: what a subscriber receives, what is stored about them, and changing
both (design 3.1)."""

from .confirm import confirm
from .details import details
from .lists import centre
from .my_data import erase, yours, yours_json
from .new_link import new_link
from .pauses import pause

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
