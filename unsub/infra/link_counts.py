"""Counts of links that record nothing, by unit and hour, so that alarms can watch them.

They are in Redis, because no row is written for such a link. Two days are kept.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import redis
import structlog

from .redis_client import quick_client

log = structlog.get_logger(__name__)

HOUR = 3600  # seconds
KEPT = timedelta(days=2)
_client = quick_client()


class Counted(StrEnum):
    """What is counted."""

    BAD_CLAIM = "bad_claim"  # signed, with a claim or a payload that cannot be used
    TEST_LINK = "test_link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What a number belongs to: a unit (0: none in the link), and for bad claims the claim and the
    JobID."""

    mid: int
    claim: str = ""
    job_id: int | None = None


def count(what: Counted, name: Name) -> None:
    """Count one. One round trip; errors of Redis are logged, not raised."""
    try:
        key = _key(what, _hour(_client))
        with _client.pipeline(transaction=False) as pipe:
            pipe.hincrby(key, f"{name.mid}|{name.claim}|{name.job_id or ''}")
            pipe.expire(key, KEPT)
            pipe.execute()
    except redis.RedisError as err:
        log.warning("link_not_counted", what=what.value, error=type(err).__name__)


def by_hour(what: Counted, hours: int) -> list[Counter[Name]]:
    """Return the numbers of the current hour and those before it, the current one first. Raises
    redis.RedisError."""
    now = _hour(_client)
    with _client.pipeline(transaction=False) as pipe:
        for ago in range(hours):
            pipe.hgetall(_key(what, now - ago))
        return [_numbers(found) for found in pipe.execute()]


def _numbers(found: dict[bytes, bytes]) -> Counter[Name]:
    return Counter({_name(key.decode()): int(number) for key, number in found.items()})


def _name(text: str) -> Name:
    mid, claim, job = text.split("|")
    return Name(mid=int(mid), claim=claim, job_id=int(job) if job else None)


def _key(what: Counted, hour: int) -> str:
    return f"profilecenter:links:{what.value}:{hour}"


def _hour(client: redis.Redis) -> int:
    """Return the hours since 1970 by Redis's clock."""
    return int(client.time()[0]) // HOUR
