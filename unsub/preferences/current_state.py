"""Current state of a subscriber: Marketing Cloud's data with the subscriber's own newer requests
applied. Performs no queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from unsub.domain.target import EVERYTHING, Target, TargetType
from unsub.models import Kind, Status, UnsubRequest
from unsub.models.kinds import SUBSCRIBING
from unsub.models.statuses import NOT_IN_FORCE, ON_THEIR_WAY

from .snapshot import PERSON_FOR, UNSUBSCRIBED, Seen

# Cached data may predate a finished request for this long.
JUST_DONE = timedelta(seconds=2 * PERSON_FOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A public list, whether the subscriber receives it, and a note: `leaving` or `joining` (on its
    way), `waiting` (for confirmation by email), `refused`, or ""."""

    list_id: int
    name: str
    description: str
    is_on: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The state of one subscriber. `asked` maps each target to its latest request that is being
    carried out or done; `last` to the latest request, including waiting and refused ones."""

    seen: Seen
    asked: Mapping[Target, UnsubRequest] = field(default_factory=dict)
    last: Mapping[Target, UnsubRequest] = field(default_factory=dict)

    @property
    def left_everything(self) -> bool:
        """Whether the subscriber is unsubscribed from everything, or has asked to be."""
        wish = self.asked.get(EVERYTHING)
        return _after(wish, UNSUBSCRIBED if self.seen.left_everything else "") == UNSUBSCRIBED

    def subscriptions(self) -> list[Subscription]:
        """Return the public lists by name; empty where they could not be read."""
        if not self.seen.shows_lists:
            return []
        places = self.seen.places or {}
        return [
            Subscription(
                list_id=one.list_id, name=one.name, description=one.description,
                is_on=self._is_on(one.list_id, places.get(one.list_id, UNSUBSCRIBED)),
                note=_note(self.last.get(_list(one.list_id))),
            )
            for one in self.seen.lists or ()
        ]  # fmt: skip

    def _is_on(self, list_id: int, status: str) -> bool:
        """Return whether the subscriber receives a list, once their request for it is done."""
        return _after(self.asked.get(_list(list_id)), status) != UNSUBSCRIBED

    def attribute(self, name: str) -> str:
        """Return the value of an attribute, once the request for it is done."""
        there = self.seen.profile.attributes.get(name, "") if self.seen.profile else ""
        return _value(self.asked.get(Target(TargetType.ATTRIBUTE, name=name)), there)

    @property
    def email_type(self) -> str:
        """`HTML`, `Text`, or "" where unknown."""
        there = self.seen.profile.email_type if self.seen.profile else ""
        return _value(self.asked.get(Target(TargetType.FORMAT)), there)

    @property
    def address(self) -> str:
        """The address on file, or "" where unknown."""
        there = self.seen.profile.email_address if self.seen.profile else ""
        return _value(self.asked.get(Target(TargetType.ADDRESS)), there)

    @property
    def has_open_wishes(self) -> bool:
        """Whether any request is still on its way to Marketing Cloud."""
        return any(wish.status in ON_THEIR_WAY for wish in self.asked.values())

    @property
    def refused(self) -> bool:
        """Whether any request was refused, so that a person has to look at it."""
        return any(wish.status == Status.REFUSED for wish in self.last.values())

    @property
    def waiting(self) -> bool:
        """Whether any request waits for confirmation by email."""
        return any(wish.status == Status.WAITING for wish in self.last.values())


def present(seen: Seen, wishes: Iterable[UnsubRequest]) -> Present:
    """Return the state after these requests, given in order of receipt."""
    asked: dict[Target, UnsubRequest] = {}
    last: dict[Target, UnsubRequest] = {}
    for wish in wishes:
        if wish.status in (Status.WITHDRAWN, Status.SUPERSEDED):
            continue
        last[wish.target] = wish
        if wish.status in NOT_IN_FORCE:
            continue
        asked[wish.target] = wish
        if wish.target == EVERYTHING and wish.kind == Kind.UNSUBSCRIBE:
            # Unsubscribing from everything cancels earlier subscriptions.
            asked = {key: one for key, one in asked.items() if one.kind not in SUBSCRIBING}
    return Present(seen=seen, asked=asked, last=last)


def _list(list_id: int) -> Target:
    return Target(TargetType.LIST, id=list_id)


def _after(wish: UnsubRequest | None, status: str) -> str:
    """Return a list or account status once the request is done."""
    if wish is None:
        return status
    return "" if wish.kind in SUBSCRIBING else UNSUBSCRIBED


def _value(wish: UnsubRequest | None, there: str) -> str:
    return wish.value if wish else there


def _note(wish: UnsubRequest | None) -> str:
    """Return the note for a list on the page."""
    if wish is None or wish.status == Status.DONE:
        return ""
    if wish.status in (Status.WAITING, Status.REFUSED):
        return str(wish.status)
    return "joining" if wish.kind in SUBSCRIBING else "leaving"
