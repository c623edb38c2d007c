"""The time of receipt of a spooled submission, by the database's clock.

Requests are ordered by the database's clock. A submission that was spooled has a time of the
broker's clock (unsub/outbox/spool.py); when it is read, the difference of the two clocks is
measured. No clock of a web server or a worker is used.

The difference is known within some error: the time that the measuring takes, and what it changed
since it was last measured, before the submissions were spooled. Where two requests are closer to
each other than that, their order is in doubt, and the one that unsubscribes further counts
(docs/adr/0020).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import redis
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Q
from django.db.models.functions import Now

from unsub.infra.spool_queue import CLOCK
from unsub.models import Kind, Status, SubscriberRequest
from unsub.models.kinds import SUBSCRIBING

from . import identity
from .submission import Submission

_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRIES = 3
# How far a request unsubscribes. One that was withdrawn counts as staying subscribed.
_SUBSCRIBED, _PAUSED, _UNSUBSCRIBED = range(3)


@dataclass(frozen=True, slots=True)
class Difference:
    """By how many microseconds the database's clock is ahead of the broker's: at least, at most."""

    least: int
    most: int

    def including(self, other: "Difference | None") -> "Difference":
        """Return the difference that covers both."""
        if other is None:
            return self
        return Difference(min(self.least, other.least), max(self.most, other.most))


class Spooled:
    """Dates the submissions of one reading of the spool, in the order of the spool."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._now: Difference | None = None
        self._possible: Difference | None = None
        # By the database's clock, when it was last read: nothing was received later than that.
        self._until = _EPOCH
        self._stored: set[int] = set()

    def dated(self, submission: Submission, at: int) -> Submission:
        """Return the submission with its time of receipt by the database's clock; `at` is that of
        the broker's clock, in microseconds since 1970. Raises DatabaseError and RedisError."""
        now, possible = self._measured()
        likely = _time(at + (now.least + now.most) // 2)
        if likely > self._until:
            self._measure()
            likely = min(likely, self._until)
        earliest, latest = _time(at + possible.least), _time(at + possible.most)
        others = [
            (when, how_far)
            for pk, when, how_far in _others(submission, min(earliest, likely), latest)
            if pk not in self._stored  # those are in the order of the spool, which is not in doubt
        ]
        return replace(submission, received_at=_placed(_how_far(submission), likely, others))

    def stored(self, request: SubscriberRequest) -> None:
        """Note that the last submission has become this row."""
        self._stored.add(request.pk)

    def remember(self) -> None:
        """Store the difference of the clocks for the next reading of the spool, where it can be
        measured."""
        with contextlib.suppress(redis.RedisError, DatabaseError, InterfaceError):
            now, _ = self._measured()
            self._client.hset(CLOCK, mapping={"least": now.least, "most": now.most})

    def _measured(self) -> tuple[Difference, Difference]:
        """Return the difference of the clocks now, and one that includes the former difference:
        one of the clocks may have been set since the submissions were spooled."""
        if self._now is None or self._possible is None:
            self._now = self._measure()
            self._possible = self._now.including(self._former())
        return self._now, self._possible

    def _former(self) -> Difference | None:
        """Return the difference that was measured last, or None."""
        least, most = self._client.hmget(CLOCK, "least", "most")
        return Difference(int(least), int(most)) if least and most else None

    def _measure(self) -> Difference:
        """Return the difference of the clocks: of some readings, the one that took least time."""
        return min((self._read() for _ in range(_TRIES)), key=lambda one: one.most - one.least)

    def _read(self) -> Difference:
        """Read the database's clock between two readings of the broker's."""
        before = self._broker_time()
        self._until = _database_time()
        after = self._broker_time()
        at = (self._until - _EPOCH) // _TICK
        return Difference(at - after, at - before)

    def _broker_time(self) -> int:
        seconds, microseconds = self._client.time()
        return int(seconds) * 1_000_000 + int(microseconds)


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _TICK


def _database_time() -> datetime:
    """Return the time by the database's clock."""
    compiler = SubscriberRequest.objects.all().query.get_compiler(connection=connection)
    sql, params = compiler.compile(Now())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        (now,) = cursor.fetchone()
    # SQLite has no type for a time.
    return now if isinstance(now, datetime) else datetime.fromisoformat(now).replace(tzinfo=UTC)


def _how_far(submission: Submission) -> int | None:
    """Return how far a submission unsubscribes, or None where it is about something else."""
    if submission.kind in SUBSCRIBING:
        return _SUBSCRIBED
    if submission.kind != Kind.UNSUBSCRIBE:
        return None
    return _PAUSED if submission.pause_days else _UNSUBSCRIBED


def _others(
    submission: Submission, earliest: datetime, latest: datetime
) -> Iterator[tuple[int, datetime, int]]:
    """Yield (id, time, how far it unsubscribes) of the subscriber's requests between two times."""
    mid, who = submission.context.mid, submission.context.subscriber
    around = (earliest, latest)
    rows = SubscriberRequest.objects.filter(
        Q(received_at__range=around)
        | Q(repeated_at__range=around)
        | Q(status=Status.WITHDRAWN, finished_at__range=around),
        subscriber_digest__in=identity.digests_of(mid, who),
        kind__in=(*SUBSCRIBING, Kind.UNSUBSCRIBE),
    )
    for row in rows.order_by("pk").select_related("pause"):
        if row.kind in SUBSCRIBING:
            yield row.pk, row.asked_at, _SUBSCRIBED
        elif row.status == Status.WITHDRAWN and row.finished_at:
            yield row.pk, row.finished_at, _SUBSCRIBED
        else:
            pause = getattr(row, "pause", None)
            is_paused = pause is not None and pause.ended_at is None
            yield row.pk, row.asked_at, _PAUSED if is_paused else _UNSUBSCRIBED


def _placed(how_far: int | None, likely: datetime, others: list[tuple[datetime, int]]) -> datetime:
    """Return the time of receipt: the likely one, unless the order to one of the others is in
    doubt. Then the request is placed before those that unsubscribe further, and after those that
    unsubscribe less."""
    if how_far is None:
        return likely
    further = [at for at, other in others if other > how_far and at <= likely]
    less = [at for at, other in others if other < how_far and at >= likely]
    if less:
        return max(less) + _TICK
    return min(further) - _TICK if further else likely
