"""What each client requested and which replies it got: the reference for all checks."""

import time
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from tests.chaos.moves import People

FIRST = 10_000


@dataclass(slots=True, kw_only=True)
class Asked:
    """One subscriber's request as its client saw it. `answers` are HTTP statuses; 0 is no reply."""

    subscriber: int
    kind: str
    answers: list[int] = field(default_factory=list)
    at: float = field(default_factory=time.monotonic)
    undone: bool | None = None
    asked_to_undo: int | None = None

    @property
    def was_accepted(self) -> bool:
        """Whether any reply confirmed that the request is stored."""
        return any(status in {200, 303} for status in self.answers)

    @property
    def has_no_answer(self) -> bool:
        """Whether any reply was lost, so that the client cannot know whether the request was
        stored."""
        return 0 in self.answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One exchange as its client saw it. Times are seconds of the monotonic clock; status 0 is no
    reply."""

    status: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.began

    def falls_into(self, spells: list[tuple[float, float]], *, grace: float) -> bool:
        """Return whether the exchange overlaps one of these periods, extended by `grace`
        seconds."""
        return any(self.ended >= begin and self.began <= end + grace for begin, end in spells)


class Ledger:
    """All requests of a run, and the replies over time."""

    def __init__(self) -> None:
        self.submissions: list[Asked] = []
        self.answers: list[Answer] = []
        # Page views, and forms that made no request.
        self.looks: list[Answer] = []
        self.people = People()
        self._numbers = count(FIRST)
        self._lock = Lock()

    def new(self, kind: str) -> Asked:
        """Return a new request of a new subscriber."""
        asked = Asked(subscriber=self.number(), kind=kind)
        with self._lock:
            self.submissions.append(asked)
        return asked

    def number(self) -> int:
        """Return an unused SubscriberID."""
        with self._lock:
            return next(self._numbers)

    def note(self, asked: Asked, answer: Answer) -> None:
        """Record a reply to a request."""
        with self._lock:
            asked.answers.append(answer.status)
            self.answers.append(answer)

    def hear(self, answer: Answer) -> None:
        """Record a reply to a form of the profile centre."""
        with self._lock:
            self.answers.append(answer)

    def look(self, answer: Answer) -> None:
        """Record a page view."""
        with self._lock:
            self.looks.append(answer)

    def accepted(self) -> int:
        """Return the number of requests accepted so far."""
        with self._lock:
            asked = sum(asked.was_accepted for asked in self.submissions)
        return asked + sum(
            move.was_accepted for person in self.people.everybody() for move in person.moves
        )
