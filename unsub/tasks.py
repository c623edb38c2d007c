"""Doorbells. A bell says "look": it carries no person and may be lost, for beat rings again."""

from functools import partial

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from .alerting import detection, notifications
from .delivery import sweep as delivery_sweep
from .delivery import worker
from .infra import heartbeat
from .models import Alarm
from .outbox import event_import, pauses, spool, store
from .outbox.wakeup import ring, silence
from .reporting import daily_counts, weekly_digest


@shared_task
def deliver(mid: int, bell: str) -> None:
    """Deliver what is due for one business unit, and ring again for what is due soon."""
    silence(bell)
    again = worker.drain(mid, more=partial(ring, mid))
    if again is not None:
        ring(mid, again)
    # Workers that a backlog keeps busy may come to no sweep for minutes.
    heartbeat.record("worker")


@shared_task
def sweep() -> None:
    """Ring for whatever is due; free leases that ran out; give up what is past its horizon."""
    for mid in delivery_sweep.sweep():
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
