"""The profile centre's page with lists that stand for a person's. Nothing is read of anybody."""

from typing import Any

from unsub.models import MailingList
from unsub.preferences.current_state import Present, Subscription
from unsub.preferences.snapshot import Seen

from .centre.pauses import DAYS
from .page_context import Visit

_LISTS = ((1, "Weekly offers"), (2, "New products"))
_DETAILS = [("First name", "Ada"), ("City", "London")]
LISTS_MAX = 10


def sample(visit: Visit) -> dict[str, Any]:
    """Return the context of the page: the lists that the unit has named, the last of them to be
    joined, for there the words stand that people agree to."""
    lists = _lists(visit.sender.mid or 0)
    return {
        "now": Present(seen=Seen(lists=(), places={})),
        "lists": lists,
        "known": [],
        "can_join": True,
        "drawn": "preview",
        "details": _DETAILS if visit.sender.profile_details else [],
        "pauses": [],
        "can_pause": visit.sender.offers_pause,
        "pause_days": DAYS,
    }


def _lists(mid: int) -> list[Subscription]:
    """Return the unit's lists by name, or two that stand for them."""
    named = MailingList.objects.filter(unit=mid).order_by("name").values_list("list_id", "name")
    found = list(named[:LISTS_MAX])
    offered = found if len(found) > 1 else [*found, *_LISTS][:2]
    last = len(offered) - 1
    return [
        Subscription(list_id=number, name=name, description="", is_on=at < last)
        for at, (number, name) in enumerate(offered)
    ]
