"""Compare every client's replies with the database and the sandbox's event log."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos import attempts
from tests.chaos.final_state import FinalState
from tests.chaos.half_sent import FIRST
from tests.chaos.ledger import Asked, Ledger
from tests.chaos.lines import Line
from tests.chaos.stream import STRANGER
from tests.chaos.world import World
from tests.journeys.deployment import CHILD, KIDS, KIDS_JOB, NEWEST_WEEKLY_JOB, PARENT, WEEKLY

ROWS = """
    SELECT r.subscriber_id, r.status, r.scope, r.mid, r.job_id, r.list_id,
           (SELECT count(*) FROM unsub_deliveryattempt a
            WHERE a.request_id = r.id AND a.outcome = 'unknown')
    FROM unsub_subscriberrequest r
"""
# Of clients that never sent a whole request.
UNFINISHED = """
    SELECT count(*) FROM unsub_subscriberrequest
    WHERE subscriber_id >= {mark} AND subscriber_id < {mark}
"""
OPEN = "SELECT count(*) FROM unsub_subscriberrequest WHERE status IN ('pending', 'sending')"
GRACE = 6.0  # seconds for which a page remembers a database outage
START = 1.0  # seconds: gunicorn answers again, but a client may still see a broken connection
SLOW = 15.0  # seconds: upper limit of a reply while the database hangs
EVERYTHING = frozenset({"master", "everything"})


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request in the database."""

    status: str
    scope: str
    mid: int
    job: int
    listed: int
    unknowns: int


class Reconciliation:
    """The final state of the deployment."""

    def __init__(self, world: World, ledger: Ledger, *, slow: float = SLOW) -> None:
        self._world = world
        self._slow = slow
        self._submissions = ledger.submissions
        self._exchanges = ledger.answers
        self._looks = ledger.looks
        people = ledger.people.everybody()
        self._people = FinalState(world, people)
        others = {person.number for person in people}
        self._rows: dict[int, list[Row]] = {}
        for subscriber, *fields in world.query(ROWS):
            if subscriber in others:
                continue
            names = ("status", "scope", "mid", "job", "listed", "unknowns")
            row = Row(**dict(zip(names, fields, strict=True)))
            self._rows.setdefault(subscriber % STRANGER, []).append(row)
        self._events = _by_subscriber(world.events(), others)
        self._masters = _by_subscriber(world.masters(), others)
        self._open = world.query(OPEN)[0][0]

    def lines(self) -> Iterator[Line]:
        """Yield the lines of the report."""
        accepted = [asked for asked in self._submissions if asked.was_accepted]
        yield Line(
            what="requests sent", number=len(self._submissions), holds=bool(self._submissions)
        )
        yield Line(what="accepted", number=len(accepted), holds=bool(accepted))
        yield self._none("accepted and not in the database", self._lost(accepted))
        yield self._none("in the database twice", self._twice())
        yield Line(what="still pending", number=self._open, holds=self._open == 0)
        yield self._none("ended in the wrong state", self._wrong_end(accepted))
        yield self._none("recorded with wrong values", self._wrong_row())
        yield self._none("confirmed without an event", self._without_event())
        yield self._none("events for the wrong list, job or unit", self._wrong_event())
        yield self._none("wider than requested", self._widened())
        yield self._none("undone, but sent", self._sent_anyway())
        yield self._none("events without a request", self._unasked())
        repeated = self._repeated()
        yield Line(
            what="duplicate events", number=len(repeated),
            holds=all(self._lost_replies(n) for n in repeated),
        )  # fmt: skip
        yield from self._people.lines()
        yield from attempts.lines(self._world)
        unread = self._world.spool_not_read
        yield Line(what="spool not read for a minute", number=unread, holds=unread == 0)
        yield from self._answers()
        yield from self._half_sent()
        yield from self._times()

    @staticmethod
    def _none(what: str, found: list[int]) -> Line:
        return Line(what=what, number=len(found), holds=not found)

    def _lost(self, accepted: list[Asked]) -> list[int]:
        return [asked.subscriber for asked in accepted if asked.subscriber not in self._rows]

    def _twice(self) -> list[int]:
        return [subscriber for subscriber, rows in self._rows.items() if len(rows) > 1]

    def _row(self, asked: Asked) -> Row | None:
        return self._rows.get(asked.subscriber, [None])[0]

    def _wrong_end(self, accepted: list[Asked]) -> list[int]:
        """Return the subscribers whose requests ended in a status that does not fit what they
        sent."""
        wrong = []
        for asked in accepted:
            wanted = {"done"}
            if asked.kind == "stranger":
                wanted = {"refused"}
            if asked.kind == "undo" and asked.undone is not False:
                wanted = {"withdrawn"} if asked.undone else {"withdrawn", "done"}
            row = self._row(asked)
            if row and row.status not in wanted:
                wrong.append(asked.subscriber)
        return wrong

    def _wrong_row(self) -> list[int]:
        """Return the subscribers whose row has another unit, job, list or scope than the link."""
        return [
            asked.subscriber
            for asked in self._submissions
            if (row := self._row(asked))
            and (
                (row.mid, row.job, row.listed) != _target(asked)
                or row.scope != ("all" if asked.kind in EVERYTHING else "list")
            )
        ]

    def _without_event(self) -> list[int]:
        return [
            asked.subscriber
            for asked in self._submissions
            if (row := self._row(asked)) and row.status == "done"
            and asked.subscriber not in (self._masters if row.scope == "all" else self._events)
        ]  # fmt: skip

    def _wrong_event(self) -> list[int]:
        return [
            asked.subscriber
            for asked in self._submissions
            for event in self._events.get(asked.subscriber, [])
            if (event["mid"], event["job_id"], event["list_id"]) != _target(asked)
            or event["batch_id"] != 0
            or event["master"]
            or asked.kind in EVERYTHING
        ]

    def _widened(self) -> list[int]:
        return [
            asked.subscriber
            for asked in self._submissions
            if asked.subscriber in self._masters
            and (
                asked.kind not in EVERYTHING
                or any(entry["mid"] != PARENT for entry in self._masters[asked.subscriber])
            )
        ]

    def _sent_anyway(self) -> list[int]:
        return [
            asked.subscriber
            for asked in self._submissions
            if asked.undone and asked.subscriber in self._events
        ]

    def _unasked(self) -> list[int]:
        """Return the subscribers who have an event without a request, or are unknown."""
        # A request answered with 503 may be stored all the same: the reply to COMMIT was lost.
        asked = {a.subscriber for a in self._submissions if a.answers and a.kind != "stranger"}
        return [n for n in (*self._events, *self._masters) if n not in asked]

    def _repeated(self) -> list[int]:
        found = {**self._events, **self._masters}
        return [subscriber for subscriber, events in found.items() if len(events) > 1]

    def _lost_replies(self, subscriber: int) -> bool:
        """Return whether there are as many lost replies as repeated events."""
        rows = self._rows.get(subscriber, [])
        events = len(self._events.get(subscriber, self._masters.get(subscriber, [])))
        return sum(row.unknowns for row in rows) >= events - 1

    def _answers(self) -> Iterator[Line]:
        """Yield the distribution of the replies."""
        counts = Counter(status for asked in self._submissions for status in asked.answers)
        for status in sorted(counts):
            what = f"replies with {status}" if status else "no reply (connection broken)"
            right = status in {0, 200, 303, 503}
            yield Line(what=what, number=counts[status], holds=right)
        undos = Counter(asked.asked_to_undo for asked in self._submissions)
        odd = [status for status in undos if status not in {None, 0, 303, 503}]
        yield Line(what="undo replies other than 303 and 503", number=len(odd), holds=not odd)

    def _half_sent(self) -> Iterator[Line]:
        """Yield what became of the requests that were never sent whole."""
        number = self._world.half_sent
        yield Line(what="half-sent requests", number=number, holds=number > 0)
        taken = sum(status not in {0, 408} for status in self._world.half_answers)
        yield Line(what="half-sent, and answered as if whole", number=taken, holds=taken == 0)
        stored = self._world.query(UNFINISHED, FIRST, STRANGER)[0][0]
        yield Line(what="half-sent, and in the database", number=stored, holds=stored == 0)

    def _times(self) -> Iterator[Line]:
        """Yield whether 503s and broken connections came only while allowed, and the slowest
        reply."""
        refused = [answer for answer in self._exchanges if answer.status >= 500]
        broken = [x for x in (*self._exchanges, *self._looks) if x.status == 0]
        both, web = self._world.both_away, self._world.web_away
        otherwise = sum(not answer.falls_into(both, grace=GRACE) for answer in refused)
        what = "503 while the database or the broker was up"
        yield Line(what=what, number=otherwise, holds=otherwise == 0)
        otherwise = sum(not answer.falls_into(web, grace=START) for answer in broken)
        what = "no reply while gunicorn was up"
        yield Line(what=what, number=otherwise, holds=otherwise == 0)
        everything = (*self._exchanges, *self._looks)
        slowest = max((answer.seconds for answer in everything), default=0.0)
        what = "slowest reply in seconds"
        yield Line(what=what, number=round(slowest), holds=slowest < self._slow)


def _target(asked: Asked) -> tuple[int, int, int]:
    """Return unit, job and list of a request."""
    if asked.kind == "child":
        return CHILD, KIDS_JOB, KIDS
    return PARENT, NEWEST_WEEKLY_JOB, WEEKLY


def _by_subscriber(
    events: list[dict[str, Any]], others: set[int]
) -> dict[int, list[dict[str, Any]]]:
    """Return the events by subscriber, without the `others`."""
    found: dict[int, list[dict[str, Any]]] = {}
    for event in events:
        if int(event["subscriber_id"]) in others:
            continue
        found.setdefault(int(event["subscriber_id"]), []).append(event)
    return found
