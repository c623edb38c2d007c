"""Wake-ups for the workers, sent by the task's name, so that the sender imports no task.

A wake-up carries no personal data and may be lost: the sweep sends another.
"""

import itertools
import math
import threading
import time
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError

from unsub.infra import metrics, request_id, tracing
from unsub.infra.redis_client import quick_client

log = structlog.get_logger(__name__)

# Many requests within this time share one wake-up. A lone request waits for nothing.
GATHERED_FOR = 0.02  # seconds
LANES = 4
_lanes = itertools.count()

_SENT, _ALREADY_SET, _GATHERED, _FAILED = (
    metrics.WAKEUPS.labels(result) for result in ("sent", "already_set", "gathered", "failed")
)
_client = quick_client()
_lock = threading.Lock()
# When the next wake-up of a key may be sent, by this process's monotonic clock; and the keys for
# which a timer will send it then.
_next_at: dict[str, float] = {}
_waiting: set[str] = set()


def wake_another(mid: int) -> None:
    """Send a wake-up for a business unit of which one thread alone cannot send all that is due. As
    many as LANES may be under way at once, so that the threads of a worker begin soon."""
    wake(mid, lane=next(_lanes) % LANES)


def wake(mid: int, seconds: float = 0.0, *, lane: int = 0) -> None:
    """Send a wake-up for a business unit now or in `seconds`, unless the same one is already set;
    those of another lane are others.

    One Redis command where it is set; none where this process sent the same one within
    GATHERED_FOR: a timer sends it at the end of that time. A broker that does not answer is only
    logged: the sweep sends another wake-up.
    """
    # One key per second in which a wake-up is due: many requests share one wake-up.
    due = math.ceil(time.time() + seconds) if seconds > 0 else 0
    key = f"profilecenter:wakeup:{mid}:{due}" + (f":{lane}" if lane else "")
    if _is_gathered(mid, key, due, seconds):
        _GATHERED.inc()
    else:
        _send(mid, key, due, seconds, _headers())


def _headers() -> dict[str, str]:
    """Return what the task continues: the id of the HTTP request, and the trace."""
    mine = request_id.current()
    return ({request_id.FIELD: mine} if mine else {}) | tracing.carried()


def _is_gathered(mid: int, key: str, due: int, seconds: float) -> bool:
    """Return whether a timer of this process will send the wake-up."""
    with _lock:
        if key in _waiting:
            return True
        now = time.monotonic()
        wait = _next_at.get(key, 0.0) - now
        if wait <= 0:
            if len(_next_at) > 1000:
                _next_at.clear()
            _next_at[key] = now + GATHERED_FOR
            return False
        _waiting.add(key)
    timer = threading.Timer(wait, _send_gathered, (mid, key, due, seconds, _headers()))
    timer.daemon = True
    timer.start()
    return True


def _send_gathered(mid: int, key: str, due: int, seconds: float, headers: dict[str, str]) -> None:
    with _lock:
        _waiting.discard(key)
        _next_at[key] = time.monotonic() + GATHERED_FOR
    _send(mid, key, due, seconds, headers)


def forget_gathered() -> None:
    """Forget which wake-ups this process has sent and gathered. For tests."""
    with _lock:
        _next_at.clear()
        _waiting.clear()


def _send(mid: int, key: str, due: int, seconds: float, headers: dict[str, str]) -> None:
    try:
        # Both end together: else the same wake-up would be queued again and again.
        lifetime = math.ceil(seconds) + settings.SWEEP_SECONDS
        if not _client.set(key, 1, nx=True, ex=lifetime):
            _ALREADY_SET.inc()
            return
        later: dict[str, Any] = {"countdown": due - time.time()} if due else {}
        current_app.send_task(
            "unsub.tasks.deliver", (mid, key), headers=headers, expires=lifetime, **later
        )
        _SENT.inc()
    except (redis.RedisError, KombuError, OSError) as err:
        _FAILED.inc()
        log.warning("wakeup_failed", mid=mid, error=type(err).__name__)
        clear(key)


def clear(key: str) -> None:
    """Clear the wake-up key, so that the next wake-up is sent. Called *before* claiming, so that a
    request committed during the drain wakes a worker again."""
    try:
        _client.delete(key)
    except redis.RedisError as err:
        log.warning("wakeup_clear_failed", error=type(err).__name__)
