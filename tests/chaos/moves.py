"""What people ask for in the profile centre, one thing after another, and how they stand by it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

LEAVE, JOIN, AGAIN, CHANGE = "unsubscribe", "subscribe", "resubscribe", "attribute"
ALL, NAME = "all", "attribute:First Name"
ON, OFF = "Active", "Unsubscribed"
PUT_ON = frozenset({JOIN, AGAIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One wish as it was sent: what for, about what, the new value, and what the answer was."""

    kind: str
    about: str
    value: str = ""
    status: int

    @property
    def was_accepted(self) -> bool:
        """Whether the answer promised that the wish is safe."""
        return self.status == 303

    @property
    def mark(self) -> tuple[str, str, str]:
        """What tells it from other wishes of its person."""
        return self.kind, self.about, self.value

    @property
    def leads_to(self) -> str:
        """How things stand once it is carried out."""
        return self.value if self.kind == CHANGE else ON if self.kind in PUT_ON else OFF


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody who comes to the profile centre: `moves` are what they sent that may count, in
    order, each after the answer to the one before; `in_vain` counts the pages that could not be
    filled in, by why."""

    number: int
    path: str
    moves: list[Move] = field(default_factory=list)
    in_vain: Counter[str] = field(default_factory=Counter)


class People:
    """Everybody who came to the profile centre in a run."""

    def __init__(self) -> None:
        self._everybody: list[Person] = []
        self._lock = Lock()

    def add(self, person: Person) -> None:
        """Let somebody come."""
        with self._lock:
            self._everybody.append(person)

    def everybody(self) -> list[Person]:
        """Return all who came, in order."""
        with self._lock:
            return list(self._everybody)


def possible(moves: Iterable[Move], about: str, first: str) -> set[str]:
    """Return how a thing may stand after these moves: one way, unless an answer was lost or said
    that nobody took it, and nothing was accepted since.

    Who joins a list and then leaves everything has left it with everything, if the joining was not
    carried out before: back again, they may be on it or not.
    """
    now, not_joined = {first}, {first}
    for move in moves:
        before, before_joining = now, not_joined
        if move.about == about:
            now = {move.leads_to}
            not_joined = not_joined if move.kind == JOIN else now
        elif move.about == ALL and move.kind == LEAVE:
            now = now | not_joined
        if not move.was_accepted:
            now, not_joined = now | before, not_joined | before_joining
    return now


def voids(later: tuple[str, str], earlier: tuple[str, str]) -> bool:
    """Return whether the later of two wishes of one person, each a kind and what it is about, may
    take the place of the earlier one: leaving what was joined, or everything; joining again what
    was left; the same asked for anew, but for leaving, which is an event each time."""
    if later[1] == earlier[1]:
        return (later[0], earlier[0]) != (LEAVE, LEAVE)
    return later == (LEAVE, ALL) and earlier[0] in PUT_ON
