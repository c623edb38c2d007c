"""Notification of what can be seen in Redis while the database does not answer.

Alarms are rows; while no row can be written, the spool fills. Whoever receives alarms is told
straight from the task, at most once an hour for each cause and unit.
"""

import time

import redis
import structlog
from django.utils import timezone

from unsub.infra.redis_client import quick_client
from unsub.models import Alarm

from . import detection, notifications
from .detection import Finding

log = structlog.get_logger(__name__)

AGAIN = 3600  # seconds
_broker = quick_client(1.0)
# Of this process, for while the broker takes no note: its memory may be full.
_told: dict[str, float] = {}


def notify() -> None:
    """Notify people of units whose spool needs attention. What could not be told is told with the
    next call."""
    for finding in _new():
        alarm = Alarm(
            cause=finding.cause, mid=finding.mid, number=finding.number, raised_at=timezone.now()
        )
        if not _tell(alarm):
            _forget(_key(finding))


def _new() -> list[Finding]:
    """Return what nobody was told of within the last hour; nothing where Redis does not answer."""
    try:
        return [finding for finding in detection.find_spooled() if _is_new(_key(finding))]
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)
        return []


def _key(finding: Finding) -> str:
    return f"profilecenter:alarm:{finding.cause.value}:{finding.mid}"


def _is_new(key: str) -> bool:
    """Return whether nobody was told within the last hour, and note that somebody is told now."""
    try:
        return bool(_broker.set(key, "", nx=True, ex=AGAIN))
    except redis.RedisError:
        now = time.monotonic()
        is_new = key not in _told or now - _told[key] > AGAIN
        if is_new:
            _told[key] = now
        return is_new


def _forget(key: str) -> None:
    _told.pop(key, None)
    try:
        _broker.delete(key)
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)


def _tell(alarm: Alarm) -> bool:
    """Return whether a notification was accepted, by any of the channels that there are."""
    accepted = [notifications.try_to_send(one, alarm) for one in notifications.channels()]
    return any(accepted)
