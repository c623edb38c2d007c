"""Heartbeats: when beat last published a sweep, when a worker last finished a task, and when a
sweep and a look for alarms (`watch`) were last completed.

Kept in the broker, by the broker's clock. Both processes need the broker for their work, so nothing
is lost by asking it: while it is unavailable `/readyz` says so, and neither of them can work. beat
needs no database for it, and the web process can read it while the database is unavailable, which
is when sweeps fail. The difference between `worker` and `sweep`: during a backlog workers deliver,
and may not get to a sweep.

The times never expire: "a worker was last seen three days ago" says more than "never".
"""

import redis
import structlog
from django.conf import settings

from .redis_client import quick_client

log = structlog.get_logger(__name__)

NAMES = ("worker", "beat", "sweep", "watch")
SILENT_SECONDS = 120.0  # minimum, for short sweep intervals: one batch may take a minute
WATCH_SECONDS = 60  # how often beat starts a look for alarms
_KEY = "profilecenter:heartbeat"
_broker = quick_client()


def record(name: str) -> None:
    """Record a heartbeat of `name`. Errors of the broker are logged, not raised."""
    try:
        _broker.hset(_KEY, name, repr(_now(_broker)))
    except redis.RedisError as err:
        log.warning("heartbeat_failed", process=name, error=type(err).__name__)


def ages(client: redis.Redis) -> dict[str, float | None]:
    """Return the seconds since the last heartbeat of each of NAMES; None where there never was one.

    Raises redis.RedisError where the broker does not answer.
    """
    now = _now(client)
    found = client.hmget(_KEY, NAMES)
    return {
        name: None if value is None else max(0.0, now - float(value))
        for name, value in zip(NAMES, found, strict=True)
    }


def limit(name: str) -> float:
    """Return after how many seconds without a heartbeat a name is silent: five of its intervals, or
    two minutes, whichever is longer."""
    every = WATCH_SECONDS if name == "watch" else settings.SWEEP_SECONDS
    return max(5.0 * every, SILENT_SECONDS)


def is_silent(name: str, age: float | None) -> bool:
    """Return whether a name had no heartbeat for longer than its limit."""
    return age is None or age > limit(name)


def _now(client: redis.Redis) -> float:
    """Return the broker's time, in seconds since 1970."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1_000_000
