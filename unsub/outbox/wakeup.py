"""Wake-ups for the workers, sent by the task's name, so that the sender imports no task.

A wake-up carries no personal data and may be lost: the sweep sends another.
"""

import math
import time
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError

from unsub.infra.redis_client import quick_client

log = structlog.get_logger(__name__)


_client = quick_client()


def wake(mid: int, seconds: float = 0.0) -> None:
    """Send a wake-up for a business unit now or in `seconds`, unless the same one is already set.

    One Redis command where it is set. A broker that does not answer is only logged: the sweep sends
    another wake-up.
    """
    # One key per second in which a wake-up is due: many requests share one wake-up.
    due = math.ceil(time.time() + seconds) if seconds > 0 else 0
    key = f"profilecenter:wakeup:{mid}:{due}"
    try:
        if _client.set(key, 1, nx=True, ex=math.ceil(seconds) + settings.SWEEP_SECONDS):
            later: dict[str, Any] = {"countdown": due - time.time()} if due else {}
            current_app.send_task("unsub.tasks.deliver", (mid, key), **later)
    except (redis.RedisError, KombuError, OSError) as err:
        log.warning("wakeup_failed", mid=mid, error=type(err).__name__)
        clear(key)


def clear(key: str) -> None:
    """Clear the wake-up key, so that the next wake-up is sent. Called *before* claiming, so that a
    request committed during the drain wakes a worker again."""
    try:
        _client.delete(key)
    except redis.RedisError as err:
        log.warning("wakeup_clear_failed", error=type(err).__name__)
