"""What each client asked for and what it was told: the outside view that everything is held to."""

import time
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from tests.chaos.moves import People

FIRST = 10_000


@dataclass(slots=True, kw_only=True)
class Asked:
    """One person's wish as its client saw it. `answers` are statuses; 0 is no answer at all."""

    subscriber: int
    kind: str
    answers: list[int] = field(default_factory=list)
    at: float = field(default_factory=time.monotonic)
    undone: bool | None = None
    asked_to_undo: int | None = None

    @property
    def was_accepted(self) -> bool:
        """Whether any answer promised that the wish is safe."""
        return any(status in {200, 303} for status in self.answers)

    @property
    def has_no_answer(self) -> bool:
        """Whether some answer got lost, so that nobody outside can know."""
        return 0 in self.answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One exchange as its client saw it: times are seconds of the monotonic clock, 0 is none."""

    status: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.began

    def falls_into(self, spells: list[tuple[float, float]], *, grace: float) -> bool:
        """Return whether the exchange touched one of these spells, or the `grace` seconds after."""
        return any(self.ended >= begin and self.began <= end + grace for begin, end in spells)


class Ledger:
    """All wishes of a run, and the answers over time."""

    def __init__(self) -> None:
        self.wishes: list[Asked] = []
        self.answers: list[Answer] = []
        # Pages that were opened, and forms that were no wish.
        self.looks: list[Answer] = []
        self.people = People()
        self._numbers = count(FIRST)
        self._lock = Lock()

    def new(self, kind: str) -> Asked:
        """Return a wish of somebody who asks for the first time."""
        asked = Asked(subscriber=self.number(), kind=kind)
        with self._lock:
            self.wishes.append(asked)
        return asked

    def number(self) -> int:
        """Return the SubscriberID of somebody who was not there before."""
        with self._lock:
            return next(self._numbers)

    def note(self, asked: Asked, answer: Answer) -> None:
        """Write down an answer."""
        with self._lock:
            asked.answers.append(answer.status)
            self.answers.append(answer)

    def hear(self, answer: Answer) -> None:
        """Write down an answer to a form of the profile centre."""
        with self._lock:
            self.answers.append(answer)

    def look(self, answer: Answer) -> None:
        """Write down that somebody looked at a page."""
        with self._lock:
            self.looks.append(answer)

    def accepted(self) -> int:
        """Return how many wishes were accepted so far."""
        with self._lock:
            asked = sum(asked.was_accepted for asked in self.wishes)
        return asked + sum(
            move.was_accepted for person in self.people.everybody() for move in person.moves
        )
