"""Wake-ups for the workers that post events. One may be lost: beat sends another every sweep."""

import math
import time
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import KombuError

from unsub.infra.redis_client import quick_client

log = structlog.get_logger(__name__)
KEY = "profilecenter:wakeup:webhooks"
_client = quick_client()


def wake_on_commit() -> None:
    """Send a wake-up after the commit, when a worker can see the rows."""
    transaction.on_commit(wake, robust=True)


def wake(seconds: float = 0.0) -> None:
    """Send a wake-up now or in `seconds`, unless the same one is already set. A broker that does
    not answer is only logged."""
    # One key per second in which a wake-up is due.
    due = math.ceil(time.time() + seconds) if seconds > 0 else 0
    key = f"{KEY}:{due}"
    try:
        lifetime = math.ceil(seconds) + settings.SWEEP_SECONDS
        if _client.set(key, 1, nx=True, ex=lifetime):
            later: dict[str, Any] = {"countdown": due - time.time()} if due else {}
            current_app.send_task("unsub.tasks.send_webhooks", (key,), expires=lifetime, **later)
    except (redis.RedisError, KombuError, OSError) as err:
        log.warning("webhook_wakeup_failed", error=type(err).__name__)
        clear(key)


def clear(key: str) -> None:
    """Clear the key of a wake-up, *before* looking for deliveries, so that an event that is
    committed meanwhile wakes a worker again."""
    try:
        _client.delete(key)
    except redis.RedisError as err:
        log.warning("webhook_wakeup_failed", error=type(err).__name__)
