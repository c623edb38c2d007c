"""Notifications of alarms: by email to ADMINS, and to a signed webhook.

An alarm counts as told when a channel has accepted it, and not before. What is due is in the
database, so that a message is sent also after the mail server was away for days.
"""

import hmac
import json
import time
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import requests
import structlog
from django.conf import settings
from django.core.mail import mail_admins
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.text import capfirst

from unsub.infra.inserts import insert_unless_present
from unsub.models import DEPLOYMENT, OUTAGES, Alarm, AlarmNotification, Cause, NotificationChannel

from .calls import status_of

log = structlog.get_logger(__name__)

SECONDS = 10.0  # for the whole call
SIGNATURE = "X-ProfileCenter-Signature"
AGAIN = timedelta(hours=1)
# These need a person and do not pass by waiting: notified again only when their number grows. An
# outage has no number: one message for each.
ONCE = (
    Cause.REFUSED, Cause.GIVEN_UP, Cause.BAD_CLAIM, Cause.LATE_CALL, Cause.DEAD_LETTER, *OUTAGES,
)  # fmt: skip
# The number of these grows for hours: notified again only when it has doubled.
DOUBLED = (Cause.SPIKE, Cause.SEND_SPIKE)
# How long a process may take to send. After that another one sends: it may have been killed.
CLAIM = timedelta(minutes=5)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=15)  # after failures
END_TRIED_FOR = timedelta(days=7)
# What to do. docs/runbooks/ has a page for each.
ADVICE = {
    Cause.LATE: "Check the queue of this business unit. Operators: manage.py delivery_status.",
    Cause.REFUSED: "Open the refused requests, fix the cause, then retry or mark them as resolved.",
    Cause.GIVEN_UP: "These requests couldn’t be sent for 10 days. Fix the cause, then retry.",
    Cause.HELD: "Check the credentials and permissions of the installed package, then resume the "
    "queue. No requests are lost.",
    Cause.CIRCUIT_OPEN: "Marketing Cloud isn’t responding. We check again every minute. No "
    "requests are lost.",
    Cause.RESTORED: "Check what is open, then release it under Holds after a restore.",
    Cause.LATE_CALL: "A worker was frozen past its lease. What was requested last is sent again.",
    Cause.SPOOLED: "The database doesn’t respond, or no worker reads the spool. Keep Redis "
    "running: it has the only copy.",
    Cause.DEAD_LETTER: "See the reason under Spool, fix it, then choose Retry.",
    Cause.INTERNAL_ERROR: "An error in this application stops these requests only. Operators: look "
    "for delivery_raised in the log. They are retried automatically.",
    Cause.NOT_SEALED: "Changes to the audit wouldn’t be noticed. Operators: look for "
    "audit_sealing_stopped in the log of the workers.",
    Cause.EXPORT_LATE: "See the error of the export under Export files. Nothing is lost: the files "
    "are written when the storage takes them.",
    Cause.BACKUP: "What is stored now would be lost with the database. Operators: look at the log "
    "of the service backup: is its disk full, does the database answer?",
    Cause.UNKNOWN_UNIT: "Add this business unit. Its requests will then be sent. Operators: "
    "manage.py add_unit.",
    Cause.BAD_CLAIM: "Links of this send don’t work. Check one under Links, then fix the email’s "
    "snippet. Recipients see the unsubscribe form for broken links.",
    Cause.TEST_LINKS: "Nothing is recorded for test links. Check which value of _messagecontext "
    "the links of this email carry.",
    Cause.WEBHOOK_FAILING: "Look at the result of its deliveries, fix the receiver, then send the "
    "failed events again. Requests are sent to Marketing Cloud as usual.",
    Cause.WEBHOOK_DISABLED: "Fix the receiver, then set the webhook to active. Events since it was "
    "disabled aren’t sent to it.",
    Cause.SPIKE: "Check the sends and reasons of today. Nothing is held back.",
    Cause.SEND_SPIKE: "Look at the reasons of this send, the share of “I never signed up”, and "
    "suspected bots. Stop the send if it goes to the wrong audience. Nothing is held back.",
    Cause.DATABASE: "Look for a failover, a full disk or a read-only setting. Requests are kept in "
    "the spool in Redis until the database accepts writes. Don’t flush Redis.",
    Cause.BROKER: "Look for a failover, full memory or a full disk. Requests are stored in the "
    "database and sent when the broker accepts writes.",
    Cause.BEAT: "Start beat. Requests are stored, but nothing is retried without it.",
    Cause.WORKER: "Start the workers, or check what keeps them busy. Requests are stored, but "
    "nothing is sent without workers.",
    Cause.SWEEP: "Look for task_stopped_by_database and exceptions in the log of the workers. "
    "Nothing is retried without sweeps.",
    Cause.WATCH: "Look for task_stopped_by_database and exceptions in the log of the workers. "
    "No other alert is raised until it works again.",
}


class WebhookError(Exception):
    """The webhook did not accept an alarm. It is posted again."""


def channels() -> list[NotificationChannel]:
    """Return the channels that the settings name; none where alarms reach nobody."""
    named = {
        NotificationChannel.EMAIL: bool(settings.ADMINS),
        NotificationChannel.WEBHOOK: bool(settings.ALERT_WEBHOOK_URL),
    }
    return [channel for channel, is_named in named.items() if is_named]


def claim_due(causes: Iterable[Cause] = tuple(Cause)) -> list[int]:
    """Return the ids of the notifications to send now, for `send_claimed`: of alarms that are new,
    that continue, and that are over.

    Each id is returned to one caller, which has to send it within CLAIM. Raises DatabaseError.
    """
    for channel in channels():
        unknown = Alarm.objects.filter(cleared_at=None, cause__in=causes)
        for alarm in unknown.exclude(notifications__channel=channel):
            insert_unless_present(AlarmNotification(alarm=alarm, channel=channel))
    # Once more in the update, so that of several processes one gets it.
    free = AlarmNotification.objects.filter(next_try_at__lte=Now())
    return [
        pk
        for pk in _due(causes).order_by("pk").values_list("pk", flat=True)
        if free.filter(pk=pk).update(next_try_at=Now() + CLAIM)
    ]


def _due(causes: Iterable[Cause]) -> QuerySet[AlarmNotification]:
    """Return the notifications that are due and not claimed."""
    more = (
        ~Q(alarm__cause__in=(*ONCE, *DOUBLED))
        | Q(alarm__cause__in=ONCE, alarm__number__gt=F("notified_number"))
        | Q(alarm__cause__in=DOUBLED, alarm__number__gte=2 * F("notified_number"))
    )
    again = Q(notified_at__lt=Now() - AGAIN) & more
    begun = Q(alarm__cleared_at=None) & (Q(notified_at=None) | again)
    ended = Q(alarm__cleared_at__gt=Now() - END_TRIED_FOR, end_notified_at=None)
    return AlarmNotification.objects.filter(
        begun | ended, next_try_at__lte=Now(), channel__in=channels(), alarm__cause__in=causes
    )


def send_claimed(notification_id: int) -> None:
    """Send a notification and write down that it was accepted; where it was not, it is due again
    after a wait that grows to LONGEST_WAIT. Raises DatabaseError."""
    notification = AlarmNotification.objects.select_related("alarm").get(pk=notification_id)
    alarm, mine = notification.alarm, AlarmNotification.objects.filter(pk=notification_id)
    if not try_to_send(NotificationChannel(notification.channel), alarm):
        wait = min(FIRST_WAIT * 2 ** min(notification.failures, 10), LONGEST_WAIT)
        mine.update(failures=F("failures") + 1, next_try_at=Now() + wait)
        return
    mine.update(
        failures=0, next_try_at=Now(), notified_at=Now(), notified_number=alarm.number,
        end_notified_at=Now() if alarm.cleared_at else None,
    )  # fmt: skip
    Alarm.objects.filter(pk=alarm.pk).update(notified_at=Now())


def try_to_send(channel: NotificationChannel, alarm: Alarm) -> bool:
    """Return whether a channel accepted an alarm. Needs no database."""
    send = send_mail if channel is NotificationChannel.EMAIL else send_webhook
    try:
        send(alarm)
    except (OSError, WebhookError) as err:
        log.warning(
            "alarm_not_sent", channel=channel.value, cause=alarm.cause, error=type(err).__name__
        )
        return False
    return True


def payload(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as the webhook receives it: causes, numbers, times, and no personal data."""
    over = alarm.cleared_at
    return {
        "cause": alarm.cause,
        "state": "over" if over else "open",
        "mid": alarm.mid,
        "job_id": alarm.job_id or None,
        "requests": alarm.number,
        "detail": alarm.detail,
        "since": alarm.raised_at.isoformat(),
        "until": over.isoformat() if over else None,
        "advice": "" if over else ADVICE[Cause(alarm.cause)],
        "runbook": runbook(Cause(alarm.cause)),
        "url": _url(alarm),
    }


def runbook(cause: Cause) -> str:
    """Return the address of a cause's runbook, where RUNBOOK_URL says it; else the page's path in
    the repository."""
    return settings.RUNBOOK_URL.replace("{name}", cause.value) or f"docs/runbooks/{cause.value}.md"


def _url(alarm: Alarm) -> str | None:
    """Return the address of the alarm's page in the admin, which leads to the requests behind it;
    None while it is no row."""
    if not alarm.pk:
        return None
    return f"{settings.ADMIN_URL}{reverse('admin:unsub_alarm_change', args=(alarm.pk,))}"


def send_mail(alarm: Alarm) -> None:
    """Email an alarm to ADMINS. Raises OSError where the mail server does not accept it."""
    content = payload(alarm)
    label = capfirst(str(Cause(alarm.cause).label))
    state = "resolved" if content["state"] == "over" else "open"
    about = f"{alarm.mid}, job {alarm.job_id}" if alarm.job_id else str(alarm.mid)
    unit = "" if alarm.mid == DEPLOYMENT else f" ({about})"
    lines = (f"{name}: {value}" for name, value in content.items() if value not in {"", None})
    mail_admins(f"[{state}] {label}{unit}", "\n".join(lines))


def send_webhook(alarm: Alarm) -> None:
    """Post an alarm to ALERT_WEBHOOK_URL, signed. Raises WebhookError for a response other than
    2xx.

    Redirects are not followed: the signature is meant for one receiver.
    """
    body = json.dumps(payload(alarm)).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: sign(body, at=int(time.time()))}
    try:
        status = status_of(
            "POST", settings.ALERT_WEBHOOK_URL, seconds=SECONDS, data=body, headers=headers
        )
    except requests.RequestException as err:
        raise WebhookError(type(err).__name__) from None
    if not 200 <= status < 300:
        raise WebhookError(f"HTTP {status}")


def sign(body: bytes, *, at: int) -> str:
    """Return the signature of a body at a time (seconds since 1970): HMAC-SHA256 over both, so that
    neither can be changed, and replays of old messages can be recognised."""
    key = settings.ALERT_WEBHOOK_SECRET.encode()
    digest = hmac.new(key, f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"
