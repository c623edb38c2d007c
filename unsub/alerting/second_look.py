"""The second look: each web process finds outages by itself, and tells people of them.

Workers raise the other alarms; beat, broker, workers and database are what they depend on. A thread
looks, so that no request waits for it. Each outage is told once, whichever process finds it: the
table of alarms decides who tells it, and without a database that takes writes `told` does.
"""

import threading
import time
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError, InterfaceError, connections
from django.db.models.functions import Now

from unsub.infra import write_probe
from unsub.infra.database_timeout import QUERY_SECONDS, limit_queries
from unsub.infra.inserts import insert_unless_present
from unsub.models import DEPLOYMENT, OUTAGES, Alarm, AlarmNotification, Cause, NotificationChannel

from . import detection, notifications, told
from .detection import Finding
from .outages import Confirmation, Outlook
from .outages import look as look_for_outages
from .told import Told

log = structlog.get_logger(__name__)

EVERY = 20.0  # seconds between two looks of a process


class _Thread:
    """The thread of this process, once it is started."""

    running: threading.Thread | None = None


def start() -> None:
    """Start the thread, once in a process. It ends with the process."""
    if _Thread.running is None:
        _Thread.running = threading.Thread(target=_run, name="second-look", daemon=True)
        _Thread.running.start()


def _run() -> None:
    log.info("second_look_started")
    confirmation = Confirmation()
    while True:
        time.sleep(EVERY)
        try:
            look(confirmation)
        except Exception:
            # Whatever it is: a thread that has ended would be silent for ever.
            log.exception("second_look_failed")
        finally:
            connections.close_all()


def look(confirmation: Confirmation) -> None:
    """Look once, and tell people of outages that are new or over."""
    outlook = look_for_outages()
    findings = confirmation.confirmed(outlook)
    if Cause.DATABASE not in outlook.there:
        try:
            with limit_queries(QUERY_SECONDS):
                _send(_update_alarms(findings, outlook))
        except (DatabaseError, InterfaceError):
            write_probe.forget()
        else:
            return
    _tell_without_rows(findings, outlook)


def _update_alarms(findings: list[Finding], outlook: Outlook) -> list[int]:
    """Raise and clear the alarms of outages. Return the ids of the notifications to send."""
    _adopt()
    for finding in findings:
        detection.raise_alarm(finding)
    detection.clear_alarms(outlook.over)
    return notifications.claim_due(OUTAGES)


def _send(ids: list[int]) -> None:
    """Send notifications, and keep what is told then for a time without the database."""
    for notification_id in ids:
        notifications.send_claimed(notification_id)
    rows = AlarmNotification.objects.filter(
        alarm__cleared_at=None, alarm__cause__in=OUTAGES, notified_at__isnull=False
    ).values_list("alarm__cause", "channel", "alarm__raised_at")
    entries = {
        Told(Cause(cause), NotificationChannel(channel)): at.timestamp()
        for cause, channel, at in rows
    }
    if entries != told.known():
        told.replace(entries)


def _adopt() -> None:
    """Make the rows of what was told without one, so that its end is told like any other, and the
    admin shows that it was."""
    for entry, since in told.known().items():
        at = datetime.fromtimestamp(since, UTC)
        alarms = Alarm.objects.filter(cause=entry.cause, mid=DEPLOYMENT)
        if alarms.filter(cleared_at__gt=at).exists():
            continue
        insert_unless_present(Alarm(cause=entry.cause, mid=DEPLOYMENT, raised_at=at))
        alarm = alarms.filter(cleared_at=None).first()
        if alarm is None:  # another process was faster
            continue
        insert_unless_present(AlarmNotification(alarm=alarm, channel=entry.channel))
        alarm.notifications.filter(channel=entry.channel, notified_at=None).update(
            notified_at=Now()
        )


def _tell_without_rows(findings: list[Finding], outlook: Outlook) -> None:
    """Tell people of outages that are new or over, with what is told kept in the broker or file."""
    known = told.known()
    now = time.time()
    for channel in notifications.channels():
        for finding in findings:
            entry = Told(finding.cause, channel)
            if entry not in known and told.claim(entry, "open"):
                alarm = _alarm(finding.cause, since=now, detail=finding.detail)
                if notifications.try_to_send(channel, alarm):
                    told.replace(told.known() | {entry: now})
    for entry, since in known.items():
        if entry.cause in outlook.over and told.claim(entry, "over"):
            alarm = _alarm(entry.cause, since=since, until=now)
            if notifications.try_to_send(entry.channel, alarm):
                told.replace({key: at for key, at in told.known().items() if key != entry})


def _alarm(cause: Cause, *, since: float, until: float | None = None, detail: str = "") -> Alarm:
    """Return an alarm that is not stored."""
    return Alarm(
        cause=cause, mid=DEPLOYMENT, detail=detail, raised_at=datetime.fromtimestamp(since, UTC),
        cleared_at=None if until is None else datetime.fromtimestamp(until, UTC),
    )  # fmt: skip
