"""Doorbells. A bell says "look at this unit's rows": it carries no person and may be lost.

`record` is the exception: it carries a wish that the database could not take, as its signed token.
"""

import math
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import redis
import structlog
from celery import Task, shared_task
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from kombu.exceptions import KombuError

from . import delivery, wishes
from .broker import quick_client
from .wishes import Wish

log = structlog.get_logger(__name__)

_bells = quick_client()
RECORD_AGAIN_SECONDS = 5


@shared_task
def deliver(mid: int, bell: str) -> None:
    """Deliver what is due for one business unit, and ring again for what is due soon."""
    _silence(bell)
    again = delivery.drain(mid, more=partial(ring, mid))
    if again is not None:
        ring(mid, again)


@shared_task
def sweep() -> None:
    """Ring for whatever is due; free leases that ran out; give up what is past its horizon."""
    for mid in delivery.sweep():
        ring(mid)


@shared_task(bind=True, max_retries=None)
def record(self: Task[..., None], wish: dict[str, str]) -> None:
    """Write the row of a wish that was accepted while the database was away."""
    try:
        request, is_new = wishes.write(Wish.from_message(wish))
    except (DatabaseError, InterfaceError) as err:
        # There is no row yet for a retry to live in, so here the broker has to remember.
        raise self.retry(countdown=RECORD_AGAIN_SECONDS, exc=err) from None
    if is_new:
        ring(request.unit_id, wishes.grace(request.channel))


def ring(mid: int, seconds: float = 0.0) -> None:
    """Ring for a business unit now or in `seconds`, unless that bell is ringing already.

    One Redis command where it is. A broker that does not answer is logged and forgiven: the sweep
    rings again.
    """
    # Bells for later are told apart by the second they ring in; many wishes share one.
    due = math.ceil(time.time() + seconds) if seconds > 0 else 0
    bell = f"profilecenter:bell:{mid}:{due}"
    try:
        if _bells.set(bell, 1, nx=True, ex=math.ceil(seconds) + settings.SWEEP_SECONDS):
            later: dict[str, Any] = {"countdown": due - time.time()} if due else {}
            deliver.apply_async((mid, bell), **later)
    except (redis.RedisError, KombuError, OSError) as err:
        log.warning("bell not rung", mid=mid, error=type(err).__name__)
        _silence(bell)


def _silence(bell: str) -> None:
    """Let the next one ring. Done before looking for rows, so that no row falls in between."""
    try:
        _bells.delete(bell)
    except redis.RedisError as err:
        log.warning("bell not silenced", error=type(err).__name__)


def leave_for_later(wish: Wish) -> None:
    """Hand a wish to the broker; raises what the broker raises where it does not take it."""
    message = wish.to_message(received_at=datetime.now(UTC))
    record.apply_async((message,), countdown=RECORD_AGAIN_SECONDS)
