"""Doorbells. A bell says "look": it carries no person and may be lost, for beat rings again."""

import math
import time
from functools import partial
from typing import Any

import redis
import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import KombuError

from .alerting import detection, notifications
from .delivery import worker
from .infra import heartbeat
from .infra.redis_client import quick_client
from .models import Alarm
from .outbox import event_import, pauses, spool, store
from .reporting import daily_counts, weekly_digest

log = structlog.get_logger(__name__)

_bells = quick_client()


@shared_task
def deliver(mid: int, bell: str) -> None:
    """Deliver what is due for one business unit, and ring again for what is due soon."""
    _silence(bell)
    again = worker.drain(mid, more=partial(ring, mid))
    if again is not None:
        ring(mid, again)
    # Workers that a backlog keeps busy may come to no sweep for minutes.
    heartbeat.record("worker")


@shared_task
def sweep() -> None:
    """Ring for whatever is due; free leases that ran out; give up what is past its horizon."""
    for mid in worker.sweep():
        ring(mid)
    heartbeat.record("worker")


@shared_task
def record() -> None:
    """Write the rows of wishes that were accepted while the database was away."""
    for request in spool.empty():
        ring(request.unit_id, store.grace(request.channel))


@shared_task
def keep_tally() -> None:
    """Count anew the days on which something changed."""
    daily_counts.keep_up()


@shared_task
def import_events() -> None:
    """Take over what happened elsewhere, for the units that want it."""
    for mid in event_import.wanted():
        import_events_of.delay(mid)


@shared_task
def import_events_of(mid: int) -> None:
    """Take over what happened elsewhere, for one unit, and count its days anew."""
    daily_counts.recount(event_import.take_over(mid))


@shared_task
def digests() -> None:
    """Have the weekly digests sent that are due."""
    for digest_id in weekly_digest.due(timezone.now()):
        mail_digest.delay(digest_id)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, max_retries=8)
def mail_digest(digest_id: int) -> None:
    """Mail a digest; a mail server that does not answer is asked again, ever more slowly."""
    weekly_digest.send(digest_id)


@shared_task
def end_pauses() -> None:
    """End the pauses whose time is over, and ring for what follows."""
    for mid in pauses.end_due():
        ring(mid)


@shared_task
def watch() -> None:
    """Have people told of what is wrong, and of what is over."""
    for alarm_id in detection.look():
        mail_alarm.delay(alarm_id)
        if settings.ALERT_WEBHOOK_URL:
            post_alarm.delay(alarm_id)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, max_retries=8)
def mail_alarm(alarm_id: int) -> None:
    """Mail an alarm; a mail server that does not answer is asked again, ever more slowly."""
    notifications.send_mail(Alarm.objects.get(pk=alarm_id))


@shared_task(autoretry_for=(notifications.NotTaken,), retry_backoff=5, max_retries=8)
def post_alarm(alarm_id: int) -> None:
    """Post an alarm to the webhook; one that does not take it is asked again."""
    notifications.send_webhook(Alarm.objects.get(pk=alarm_id))


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
