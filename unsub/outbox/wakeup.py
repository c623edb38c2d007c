"""Wake-ups for the workers, sent by the task's name, so that the sender imports no task.

A wake-up carries no personal data and may be lost: the sweep sends another.
"""

import itertools
import math
import threading
import time
from queue import SimpleQueue
from typing import Any, NamedTuple

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
# which a thread will send it then.
_next_at: dict[str, float] = {}
_waiting: set[str] = set()


class _Gathered(NamedTuple):
    """A wake-up that stands for several, and when it is sent."""

    at: float
    mid: int
    key: str
    due: int
    seconds: float
    headers: dict[str, str]


# Sent by one thread for all, which begins with the first: a thread for each, as timers are, costs
# more than the rest of the wake-up.
_gathered: SimpleQueue[_Gathered | threading.Event] = SimpleQueue()
_sender = threading.Thread()


def wake_another(mid: int) -> None:
    """Send a wake-up for a business unit of which one thread alone cannot send all that is due. As
    many as LANES may be under way at once, so that the threads of a worker begin soon."""
    wake(mid, lane=next(_lanes) % LANES)


def wake(mid: int, seconds: float = 0.0, *, lane: int = 0) -> None:
    """Send a wake-up for a business unit now or in `seconds`, unless the same one is already set;
    those of another lane are others.

    One Redis command where it is set; none where this process sent the same one within
    GATHERED_FOR: a thread sends it at the end of that time. A broker that does not answer is only
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
    """Return whether a thread of this process will send the wake-up."""
    with _lock:
        if key in _waiting:
            return _has_sender()
        now = time.monotonic()
        wait = _next_at.get(key, 0.0) - now
        if wait <= 0:
            if len(_next_at) > 1000:
                _next_at.clear()
            _next_at[key] = now + GATHERED_FOR
            return False
        _waiting.add(key)
        _gathered.put(_Gathered(now + wait, mid, key, due, seconds, _headers()))
        return _has_sender()


def _has_sender() -> bool:
    """Return whether the thread runs; starts it. False where the system has no thread to spare: the
    next wake-up tries again."""
    global _sender  # noqa: PLW0603 - the only one
    # Not after a fork either.
    if not _sender.is_alive():
        _sender = threading.Thread(target=_send_gathered, name="wake-ups", daemon=True)
        try:
            _sender.start()
        except RuntimeError as err:
            log.warning("wakeup_failed", error=type(err).__name__)
            return False
    return True


def _send_gathered() -> None:
    """Send the gathered wake-ups, each at its time, for as long as the process runs. They are in
    the queue in the order of their times, but for some milliseconds."""
    while True:
        one = _gathered.get()
        if isinstance(one, threading.Event):
            one.set()
            continue
        time.sleep(max(0.0, one.at - time.monotonic()))
        with _lock:
            _waiting.discard(one.key)
            _next_at[one.key] = time.monotonic() + GATHERED_FOR
        try:
            _send(one.mid, one.key, one.due, one.seconds, one.headers)
        except Exception as err:  # noqa: BLE001 - those after it have to be sent
            _FAILED.inc()
            log.warning("wakeup_failed", mid=one.mid, error=type(err).__name__)


def forget_gathered() -> None:
    """Wait until this process has sent what it gathered, and forget what it has sent. For tests."""
    done = threading.Event()
    if _sender.is_alive():
        _gathered.put(done)
        done.wait(timeout=60)
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
