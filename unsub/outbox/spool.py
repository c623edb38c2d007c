"""Spool: submissions that the broker keeps until the database is available again.

Not Celery tasks: a task that waits is in the memory of a worker, and when that worker is killed,
the task returns only after the visibility timeout (docs/adr/0008). Each request is one entry, each
business unit has a limit, and units are read in turn (docs/adr/0023).

Each entry has the time at which the broker received it, by the broker's clock, because the clocks
of web servers may differ from each other and from the database's. When the entry is read,
`receipt` converts the time to the database's clock.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError

from unsub.infra import sealing
from unsub.infra.redis_client import quick_client
from unsub.infra.spool_queue import Entry, SpoolFullError, SpoolQueue
from unsub.models import SubscriberRequest

from . import erased, identity, receipt, store
from .submission import LaterFormatError, Submission

__all__ = ["SpoolFullError", "drain", "is_empty", "push", "put_back", "received_at"]

log = structlog.get_logger(__name__)

CHUNK = 20  # entries of one unit, before the next unit has its turn
_queue = SpoolQueue(quick_client(1.0))


def push(submission: Submission) -> None:
    """Add a submission to the spool: sealed, as the signed token it came with. A repeated one adds
    a time, and no entry. Raises RedisError where the broker does not accept it, and SpoolFullError
    where its unit has SPOOL_MAX_PER_UNIT entries, or the broker's memory is nearly full."""
    _queue.push(
        submission.context.mid,
        name_of(submission),
        _seal(submission.to_message()),
        most=settings.SPOOL_MAX_PER_UNIT,
    )


def name_of(submission: Submission) -> str:
    """Return the name of an entry: submissions of one name have one row, and the same effect."""
    key = identity.idempotency_keys(submission)[0]
    # A pause and an unsubscribe for good have one row, and not the same effect.
    return f"{key}:{submission.pause_days}" if submission.pause_days else key


def received_at(submission: Submission) -> datetime | None:
    """Return when a submission that is in the spool was last received, by the database's clock;
    None where it is not there. One command where it is not. Raises RedisError and DatabaseError."""
    mid = submission.context.mid
    # Of the process that spooled it another key may be the current one.
    at = _queue.received(mid, identity.idempotency_keys(submission))
    if at is None:
        return None
    return receipt.Spooled(_queue.client).dated(submission, at).received_at


def drain() -> Iterator[SubscriberRequest]:
    """Yield the row of each spooled submission, and once more for one that was repeated: of each
    unit the oldest first, and of the units a chunk in turn. Each is written to the database before
    it is removed from the spool. What cannot be read or stored becomes a dead letter.

    Raises DatabaseError or InterfaceError, with the rest still spooled, where the database is still
    unavailable. Yields nothing while another process reads. Safe even if two do: the idempotency
    key allows one row per submission.
    """
    try:
        with _queue.reader() as mark:
            if mark:
                yield from _SpoolRun(mark).rows()
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)


def is_empty() -> bool:
    """Return whether nothing is spooled; False where the broker does not answer."""
    try:
        return not _queue.units()
    except redis.RedisError:
        return False


def put_back(mid: int, names: list[str]) -> int:
    """Return dead letters of a unit to their places in the spool. Return how many. Raises
    RedisError."""
    return _queue.put_back(mid, names)


class _SpoolRun:
    """One reading of the spool, by the holder of the queue's `mark`."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._received = receipt.Spooled(_queue.client)
        # How far each unit was read: an entry that stays, stays behind.
        self._upto: dict[int, int] = {}
        self._failed: dict[int, Exception] = {}
        # The units whose next entry is for a worker of a later version.
        self._left: set[int] = set()

    def rows(self) -> Iterator[SubscriberRequest]:
        """Yield the rows, a chunk of each unit in turn, until nothing is left to read."""
        before: dict[int, int] | None = None
        while before != self._upto:
            before = dict(self._upto)
            for mid in _queue.units():
                if mid not in self._failed and mid not in self._left:
                    yield from self._rows_of(mid)
        if self._failed:
            raise next(iter(self._failed.values()))
        self._received.remember()

    def _rows_of(self, mid: int) -> Iterator[SubscriberRequest]:
        """Yield the rows of one chunk of a unit."""
        for entry in _queue.read(mid, after=self._upto.get(mid, 0), most=CHUNK):
            _queue.extend(self._mark)
            try:
                request = self._stored(mid, entry)
            except LaterFormatError:
                # During an upgrade one of the workers is of that version.
                log.warning("spool_entry_of_later_version", mid=mid)
                self._left.add(mid)
                return
            except (DatabaseError, InterfaceError) as err:
                # The unit's later entries must not overtake this one. Another unit's may pass: the
                # database may refuse this one alone.
                if self._failed:
                    raise
                self._failed[mid] = err
                return
            self._upto[mid] = entry.at
            if request:
                yield request

    def _stored(self, mid: int, entry: Entry) -> SubscriberRequest | None:
        """Return the row of an entry, which is no longer spooled then. None for a dead letter, and
        for what is dropped. Raises DatabaseError, InterfaceError, RedisError and
        LaterFormatError."""
        try:
            request = self._write(entry)
        except LaterFormatError:
            raise
        except Exception as err:
            if _is_unavailable(err):
                raise
            # Whatever is wrong with this entry, the next one must not wait.
            _set_aside(mid, entry, err)
            return None
        _queue.remove(mid, entry)
        return request

    def _write(self, entry: Entry) -> SubscriberRequest | None:
        submission = Submission.from_message(_unseal(entry.message))
        request = _write(self._received.dated(submission, entry.at))
        if request:
            self._received.stored(request)
        return request


def _is_unavailable(err: Exception) -> bool:
    """Return whether the broker or the database failed, and not what is written to it."""
    if isinstance(err, DataError | IntegrityError):
        return False
    return isinstance(err, redis.RedisError | DatabaseError | InterfaceError)


def _set_aside(mid: int, entry: Entry, err: Exception) -> None:
    """Make an entry a dead letter: nothing is lost, and later entries need not wait."""
    # Without the message of the error, which may have a value of the entry.
    log.error("spool_entry_unreadable", mid=mid, error=type(err).__name__)
    try:
        _queue.set_aside(mid, entry, error=type(err).__name__)
    except redis.RedisError as refusal:
        # Its memory may be full: the entry stays where it is, and this reading goes on behind it.
        # Where the broker does not answer, the next command says so.
        log.warning("spool_unavailable", error=type(refusal).__name__)


def _write(submission: Submission) -> SubscriberRequest | None:
    """Return the row of a spooled submission; None where its subscriber was erased since, and it is
    a change. An unsubscribe counts nevertheless, and is not kept in clear for long."""
    context, at = submission.context, submission.received_at
    if submission.change and at and erased.erased_since(context.mid, context.subscriber, at):
        log.info("spool_entry_of_erased_subscriber_dropped", mid=context.mid)
        return None
    return store.write(submission)[0]


def _seal(message: Mapping[str, str]) -> bytes:
    """Return a message as a spool entry has it. The token names its subscriber to everybody who can
    decode base64, and Redis writes the entry to a file: so it is sealed."""
    return sealing.seal("spool", json.dumps(message).encode())


def _unseal(entry: bytes) -> dict[str, str]:
    """Return the message of a spool entry. Raises ValueError for one that was not sealed with a key
    in use, or that is no message."""
    message = json.loads(sealing.unseal("spool", entry))
    if not isinstance(message, dict):
        raise ValueError("a spool entry that is no message")  # noqa: TRY004 - told with the others
    return message
