"""Whether the database and the brokers take writes: they can answer and take none, after a failover
or on a full disk."""

import os
import threading
import time
from collections.abc import Callable

import redis
from amqp.exceptions import AMQPError
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from kombu import Connection

from .database_timeout import QUERY_SECONDS, limit_queries

KNOWN_FOR = 5.0  # seconds for which a process does not probe its database again
# More than a page of either database, so that a database that is full has no room for it; random,
# because PostgreSQL compresses.
_FILLER_BYTES = 6_000
_KEY = "profilecenter:write_probe"


# No queue has this name: RabbitMQ confirms the message, and drops it.
_NO_QUEUE = "profilecenter.write_probe"


class _Kept:
    """The last answer of a probe, and until when it counts, on the monotonic clock."""

    def __init__(self, probe: Callable[[], bool]) -> None:
        self._probe = probe
        self._lock = threading.Lock()
        self._answer = False
        self._until = 0.0

    def __call__(self) -> bool:
        """Return the answer of the last KNOWN_FOR seconds. At most one thread of a process
        probes."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._probe()
                self._until = time.monotonic() + KNOWN_FOR
            return self._answer

    def forget(self) -> None:
        """Probe at the next question."""
        self._until = 0.0


def database_takes_writes() -> bool:
    """Return whether the database committed a write within the last KNOWN_FOR seconds. At most one
    thread of a process probes; it waits QUERY_SECONDS at most for each statement of PostgreSQL."""
    return _database()


def forget() -> None:
    """Probe database and RabbitMQ at the next question."""
    _database.forget()
    _rabbitmq.forget()


def broker_takes_writes(client: redis.Redis) -> bool:
    """Return whether Redis took a write now and, where RABBITMQ_URL is set, RabbitMQ confirmed a
    message within the last KNOWN_FOR seconds. Waits for a few RABBITMQ_TIMEOUT at most."""
    return not brokers_without_writes(client)


def brokers_without_writes(client: redis.Redis) -> list[str]:
    """Return the names of the brokers that take no writes: Redis has the spool and the wake-ups'
    keys, and the tasks travel by RabbitMQ where RABBITMQ_URL is set, else by Redis."""
    found = [] if _redis_takes_writes(client) else ["Redis"]
    if settings.RABBITMQ_URL and not _rabbitmq():
        found.append("RabbitMQ")
    return found


def _redis_takes_writes(client: redis.Redis) -> bool:
    try:
        client.set(_KEY, 1, ex=60)
    except (redis.RedisError, OSError):
        return False
    return True


def _probe_rabbitmq() -> bool:
    """Return whether RabbitMQ confirms a message. With too little memory or disk it does not, while
    it still accepts connections."""
    seconds = settings.RABBITMQ_TIMEOUT
    opened = Connection(
        settings.RABBITMQ_URL,
        connect_timeout=seconds,
        ssl=getattr(settings, "CELERY_BROKER_USE_SSL", False),
        transport_options={"read_timeout": seconds, "write_timeout": seconds},
    ).transport
    try:
        connection = opened.establish_connection()
    except (AMQPError, OSError):
        return False
    try:
        channel = connection.channel()
        channel.basic_publish_confirm(
            channel.prepare_message(b""),
            routing_key=_NO_QUEUE,
            confirm_timeout=2 * seconds,
        )
        connection.close()
    except (AMQPError, OSError):
        connection.collect()
        return False
    return True


def _probe_database() -> bool:
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


_database = _Kept(_probe_database)
_rabbitmq = _Kept(_probe_rabbitmq)
