"""Spool: a Redis list that keeps submissions until the database is available again.

A list and not Celery tasks: a task that waits is in the memory of a worker, and when that worker is
killed, the task returns only after the visibility timeout (docs/adr/0008).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import redis
import structlog
from django.db import DataError, IntegrityError

from unsub.infra import sealing
from unsub.infra.redis_client import quick_client
from unsub.links.tokens import LinkError
from unsub.models import SubscriberRequest

from . import erased, store
from .submission import Submission

log = structlog.get_logger(__name__)

KEY = "profilecenter:spool"
DEAD_LETTERS = "profilecenter:spool:dead_letters"
_client = quick_client(1.0)


def push(submission: Submission) -> None:
    """Add a submission to the spool, as the signed token it came with and the time of receipt.
    Raises RedisError where the broker does not accept it."""
    message = submission.to_message(received_at=datetime.now(UTC))
    _client.rpush(KEY, _seal(message))


def drain() -> Iterator[SubscriberRequest]:
    """Yield the row of each spooled submission, oldest first. Each is written to the database
    before it is removed from the spool. Raises DatabaseError, with the rest still spooled, where
    the database is still unavailable.

    Safe to run in several processes at once: the idempotency key allows one row per submission.
    """
    while (entry := _oldest()) is not None:
        try:
            request = _write(Submission.from_message(_unseal(entry)))
        except (LinkError, ValueError, LookupError, DataError, IntegrityError) as err:
            # Its link key was removed meanwhile, or no row can hold it. The entry is kept as a dead
            # letter, so that nothing is lost and later entries need not wait.
            log.exception("spool_entry_unreadable", error=type(err).__name__)
            _client.rpush(DEAD_LETTERS, entry)
        else:
            if request:
                yield request
        _client.lrem(KEY, 1, entry)  # type: ignore[arg-type]  # bytes are fine


def _write(submission: Submission) -> SubscriberRequest | None:
    """Return the row of a spooled submission; None where its subscriber was erased since, and it is
    a change. An unsubscribe counts nevertheless, and is not kept in clear for long."""
    context, at = submission.context, submission.received_at
    if submission.change and at and erased.erased_since(context.mid, context.subscriber, at):
        log.info("spool_entry_of_erased_subscriber_dropped", mid=context.mid)
        return None
    return store.write(submission)[0]


def _seal(message: Mapping[str, str]) -> bytes:
    """Return a message as a spool entry. The token names its subscriber to everybody who can decode
    base64, and Redis writes the entry to a file: so it is sealed."""
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
