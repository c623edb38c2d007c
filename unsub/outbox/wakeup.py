"""Wake-ups for the workers, sent by the task's name: whoever wakes up imports no task.

A wake-up carries no person and may be lost: the sweep sends another.
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
    """Ring for a business unit now or in `seconds`, unless that bell is ringing already.

    One Redis command where it is. A broker that does not answer is logged and forgiven: the sweep
    rings again.
    """
    # Bells for later are told apart by the second they ring in; many wishes share one.
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
    """Let the next one ring. Done before looking for rows, so that no row falls in between."""
    try:
        _client.delete(key)
    except redis.RedisError as err:
        log.warning("wakeup_clear_failed", error=type(err).__name__)
