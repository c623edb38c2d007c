"""Whether the database and the broker take writes: both can answer and take none, after a failover
or on a full disk."""

import os
import threading
import time

import redis
from django.db import DatabaseError, InterfaceError, connection, transaction

from .database_timeout import QUERY_SECONDS, limit_queries

KNOWN_FOR = 5.0  # seconds for which a process does not probe its database again
# More than a page of either database, so that a database that is full has no room for it; random,
# because PostgreSQL compresses.
_FILLER_BYTES = 6_000
_KEY = "profilecenter:write_probe"


class _Last:
    """The last answer of the database, and until when it counts, on the monotonic clock."""

    lock = threading.Lock()
    answer = False
    until = 0.0


def database_takes_writes() -> bool:
    """Return whether the database committed a write within the last KNOWN_FOR seconds. At most one
    thread of a process probes; it waits QUERY_SECONDS at most for each statement of PostgreSQL."""
    with _Last.lock:
        if time.monotonic() >= _Last.until:
            _Last.answer = _probe()
            _Last.until = time.monotonic() + KNOWN_FOR
        return _Last.answer


def forget() -> None:
    """Probe at the next question."""
    _Last.until = 0.0


def broker_takes_writes(client: redis.Redis) -> bool:
    """Return whether the broker took a write now."""
    try:
        client.set(_KEY, 1, ex=60)
    except (redis.RedisError, OSError):
        return False
    return True


def _probe() -> bool:
    try:
        with limit_queries(QUERY_SECONDS), transaction.atomic(durable=True):
            _write()
    except (DatabaseError, InterfaceError, OSError):
        return False
    return True


def _write() -> None:
    """Insert a row and delete it again. No row is shared, so a process that is stopped in between
    keeps no other one waiting."""
    filler = os.urandom(_FILLER_BYTES).hex()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO unsub_writeprobe (filler) VALUES (%s)", [filler])
        cursor.execute("DELETE FROM unsub_writeprobe WHERE filler = %s", [filler])
