"""Spool: a Redis list that keeps submissions until the database is available again.

A list and not Celery tasks: a task that waits is in the memory of a worker, and when that worker is
killed, the task returns only after the visibility timeout (docs/adr/0008).

Each entry begins with the time at which the broker received it, by the broker's clock, because the
clocks of web servers may differ from each other and from the database's. When the entry is read,
`receipt` converts the time to the database's clock.
"""

import json
from collections.abc import Iterator, Mapping

import redis
import structlog
from django.db import DataError, IntegrityError

from unsub.infra import sealing
from unsub.infra.redis_client import quick_client
from unsub.links.tokens import LinkError
from unsub.models import SubscriberRequest

from . import erased, receipt, store
from .submission import Submission

log = structlog.get_logger(__name__)

KEY = "profilecenter:spool"
DEAD_LETTERS = "profilecenter:spool:dead_letters"
_client = quick_client(1.0)
# One script, so that entries are in the order of their times: a time never repeats and never goes
# back, whatever happens to the broker's clock.
_PUSH = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('HGET', KEYS[2], 'last') or '0')
if now <= last then now = last + 1 end
redis.call('HSET', KEYS[2], 'last', string.format('%.0f', now))
return redis.call('RPUSH', KEYS[1], string.format('%.0f ', now) .. ARGV[1])
"""
_push = _client.register_script(_PUSH)


def push(submission: Submission) -> None:
    """Add a submission to the spool, as the time by the broker's clock and, sealed, the signed
    token it came with. Raises RedisError where the broker does not accept it."""
    _push(keys=[KEY, receipt.CLOCK], args=[_seal(submission.to_message())], client=_client)


def drain() -> Iterator[SubscriberRequest]:
    """Yield the row of each spooled submission, oldest first. Each is written to the database
    before it is removed from the spool. Raises DatabaseError, with the rest still spooled, where
    the database is still unavailable.

    Safe to run in several processes at once: the idempotency key allows one row per submission.
    """
    received = receipt.Spooled(_client)
    while (entry := _oldest()) is not None:
        try:
            at, message = _split(entry)
            submission = received.dated(Submission.from_message(_unseal(message)), at)
            request = _write(submission)
        except (LinkError, ValueError, LookupError, DataError, IntegrityError) as err:
            # Its link key was removed meanwhile, or no row can hold it. The entry is kept as a dead
            # letter, so that nothing is lost and later entries need not wait.
            log.exception("spool_entry_unreadable", error=type(err).__name__)
            _client.rpush(DEAD_LETTERS, entry)
        else:
            if request:
                received.stored(request)
                yield request
        _client.lrem(KEY, 1, entry)  # type: ignore[arg-type]  # bytes are fine
    received.remember()


def is_empty() -> bool:
    """Return whether nothing is spooled; False where the broker does not answer."""
    try:
        return not _client.exists(KEY)
    except redis.RedisError:
        return False


def _split(entry: bytes) -> tuple[int, bytes]:
    """Return the time of an entry, in microseconds since 1970 by the broker's clock, and the sealed
    message. Raises ValueError."""
    at, _, message = entry.partition(b" ")
    return int(at), message


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


def _oldest() -> bytes | None:
    """Return the oldest spool entry, or None where the spool is empty or the broker unavailable."""
    try:
        entry = _client.lindex(KEY, 0)
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)
        return None
    return entry if isinstance(entry, bytes) else None
