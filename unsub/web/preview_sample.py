"""Sample data for the preview of the profile centre. Nothing about real people is read."""

from typing import Any

from unsub.preferences.current_state import CurrentState, Subscription
from unsub.preferences.snapshot import ProfileSnapshot

from .centre.pauses import DAYS
from .centre.topics import rows_of
from .page_context import PageContext

_LISTS = ((1, "Weekly offers", ""), (2, "New products", ""))
_DETAILS = [("First name", "Ada"), ("City", "London")]
LISTS_MAX = 10


def sample(page_context: PageContext) -> dict[str, Any]:
    """Return the page's context: the lists that the unit has named, all subscribed but the last, so
    that the consent text beside the button is shown, too."""
    lists = _lists(page_context)
    return {
        "now": CurrentState(snapshot=ProfileSnapshot(lists=(), memberships={})),
        "lists": lists,
        "rows": rows_of(page_context, lists, (), {}),
        "picks": (),
        "known": [],
        "can_join": True,
        "snapshot": "preview",
        "details": _DETAILS if page_context.brand.profile_details else [],
        "pauses": [],
        "can_pause": page_context.brand.offers_pause,
        "pause_days": DAYS,
        "pause_list": None,
    }


def _lists(page_context: PageContext) -> list[Subscription]:
    """Return the lists that the unit offers, filled up with samples to at least two."""
    language = page_context.language
    found = [
        (number, own.name_in(language), own.description_in(language))
        for number, own in page_context.brand.lists.items()
        if own.offered
    ][:LISTS_MAX]
    offered = found if len(found) > 1 else [*found, *_LISTS][:2]
    last = len(offered) - 1
    return [
        Subscription(list_id=number, name=name, description=description, is_on=at < last)
        for at, (number, name, description) in enumerate(offered)
    ]
