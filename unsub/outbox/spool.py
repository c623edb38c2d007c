"""Wishes that the database could not take, kept by the broker until it can.

A list and not tasks: a task that waits sits in the memory of a worker, and when that is killed it
comes back only after the visibility time-out (docs/adr/0008).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import redis
import structlog
from django.db import DataError, IntegrityError

from unsub.infra.redis_client import quick_client
from unsub.links.tokens import LinkError
from unsub.models import SubscriberRequest

from . import store
from .submission import Submission

log = structlog.get_logger(__name__)

KEY = "profilecenter:spool"
DEAD_LETTERS = "profilecenter:spool:dead_letters"
_client = quick_client(1.0)


def push(submission: Submission) -> None:
    """Keep a wish, as the signed token it came with; raises RedisError where it is not kept."""
    message = submission.to_message(received_at=datetime.now(UTC))
    _client.rpush(KEY, json.dumps(message))


def drain() -> Iterator[SubscriberRequest]:
    """Give the rows of the wishes that were kept, each written before it is taken out. Raises
    DatabaseError, with the rest still kept, where the database is still away.

    Two who do this at once write the same rows: a wish has one.
    """
    while (entry := _oldest()) is not None:
        try:
            request, _ = store.write(Submission.from_message(json.loads(entry)))
        except (LinkError, ValueError, LookupError, DataError, IntegrityError) as err:
            # Its key was taken away meanwhile, or no row can hold it. Nothing is thrown away, and
            # nobody behind it has to wait.
            log.exception("spool_entry_unreadable", error=type(err).__name__)
            _client.rpush(DEAD_LETTERS, entry)
        else:
            yield request
        _client.lrem(KEY, 1, entry)


def _oldest() -> str | None:
    """Return the oldest letter, or None."""
    try:
        entry = _client.lindex(KEY, 0)
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)
        return None
    return entry.decode() if isinstance(entry, bytes) else entry
