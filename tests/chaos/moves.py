"""Sequences of requests in the profile centre, and the final states they allow."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

UNSUBSCRIBE, SUBSCRIBE, RESUBSCRIBE, CHANGE = "unsubscribe", "subscribe", "resubscribe", "attribute"
ALL, NAME = "everything", "attribute:First Name"
ON, OFF = "Active", "Unsubscribed"
PUT_ON = frozenset({SUBSCRIBE, RESUBSCRIBE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One request as sent: kind, target, new value, and the status of the reply."""

    kind: str
    about: str
    value: str = ""
    status: int

    @property
    def was_accepted(self) -> bool:
        """Whether the reply confirmed that the request is stored."""
        return self.status == 303

    @property
    def mark(self) -> tuple[str, str, str]:
        """The values that distinguish it from the subscriber's other requests."""
        return self.kind, self.about, self.value

    @property
    def leads_to(self) -> str:
        """The state once the request is done."""
        return self.value if self.kind == CHANGE else ON if self.kind in PUT_ON else OFF


@dataclass(slots=True, kw_only=True)
class Person:
    """One visitor of the profile centre. `moves` are the requests that may count, in order, each
    sent after the reply to the one before. `unusable` counts unusable pages by reason."""

    number: int
    path: str
    moves: list[Move] = field(default_factory=list)
    unusable: Counter[str] = field(default_factory=Counter)


class People:
    """All visitors of the profile centre in a run."""

    def __init__(self) -> None:
        self._everybody: list[Person] = []
        self._lock = Lock()

    def add(self, person: Person) -> None:
        """Add a visitor."""
        with self._lock:
            self._everybody.append(person)

    def everybody(self) -> list[Person]:
        """Return all visitors, in order."""
        with self._lock:
            return list(self._everybody)


def possible(moves: Iterable[Move], about: str, first: str) -> set[str]:
    """Return the final states that a target may have after these moves: one, unless a reply was
    lost or said "not accepted" and nothing was accepted since.

    Subscribing to a list and then unsubscribing from everything may end either way: if the
    subscription was sent before, the subscriber is on the list after resubscribing; if not, it was
    superseded.
    """
    now, not_joined = {first}, {first}
    for move in moves:
        before, before_joining = now, not_joined
        if move.about == about:
            now = {move.leads_to}
            not_joined = not_joined if move.kind == SUBSCRIBE else now
        elif move.about == ALL and move.kind == UNSUBSCRIBE:
            now = now | not_joined
        if not move.was_accepted:
            now, not_joined = now | before, not_joined | before_joining
    return now


def may_supersede(later: tuple[str, str], earlier: tuple[str, str]) -> bool:
    """Return whether the later of two requests of one subscriber, each (kind, target), may
    supersede the earlier one: an unsubscribe from the same list or from everything supersedes a
    subscription; a subscription supersedes an unsubscribe; a repetition supersedes itself, except
    an unsubscribe, which is a separate event each time."""
    if later[1] == earlier[1]:
        return (later[0], earlier[0]) != (UNSUBSCRIBE, UNSUBSCRIBE)
    return later == (UNSUBSCRIBE, ALL) and earlier[0] in PUT_ON
