"""Celery tasks. Their messages carry no personal data and may be lost: beat repeats them."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import signature
from typing import ParamSpec

import structlog
from celery import Task, shared_task
from celery.worker import state
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)
from django.utils import timezone

from .accounts import invitations
from .alerting import dead_mans_switch, detection, notifications, without_database
from .audit import sealing
from .delivery import sweep as delivery_sweep
from .delivery import worker
from .exporting import runs as export_runs
from .gateway import all_subscribers, sends
from .infra import heartbeat, request_id, tracing
from .outbox import event_import, imports, pauses, retention, spool, store
from .outbox.wakeup import clear, wake, wake_another
from .reporting import daily_counts, weekly_digest, zone_recounts
from .webhooks import queue as webhook_queue
from .webhooks import sending as webhook_sending
from .webhooks import wakeup as webhook_wakeup

# Of 500 rows each: a first run over a large table must not keep a worker from delivering.
RETENTION_CHUNKS = 40
SEALS = 40  # of 5,000 rows each
# Mistakes of ours, which have to be seen with their traceback.
_MISTAKES = (DataError, IntegrityError, ProgrammingError, NotSupportedError)

log = structlog.get_logger(__name__)
_P = ParamSpec("_P")


def stops_without_database(run: Callable[_P, None]) -> Callable[_P, None]:
    """Return a task that ends with one line in the log where the database is away, read-only or
    full. What it had to do is in the database, so the next run does it. Keyword arguments that the
    task does not know are left out: a later version may send them during an upgrade."""
    known = frozenset(signature(run).parameters)

    @wraps(run)
    def stopping(*args: _P.args, **kwargs: _P.kwargs) -> None:
        for name in kwargs.keys() - known:
            del kwargs[name]
        try:
            run(*args, **kwargs)
        except _MISTAKES:
            raise
        except (DatabaseError, InterfaceError) as err:
            log.warning("task_stopped_by_database", task=run.__name__, error=type(err).__name__)

    return stopping


@shared_task(bind=True)
@stops_without_database
def deliver(self: Task, mid: int, key: str) -> None:  # type: ignore[type-arg]
    """Deliver the due requests of one business unit, and send a wake-up for those that are due
    soon.

    `key` is the key of the wake-up, which is cleared *before* the requests are claimed, so that a
    request that is committed meanwhile wakes a worker again. The log lines have the id of the HTTP
    request that sent the wake-up; rows of others may be delivered with its row.
    """
    sent_by = request_id.accepted(self.request.get(request_id.FIELD))
    trace = {tracing.CARRIED: str(self.request.get(tracing.CARRIED) or "")}
    with request_id.bound(sent_by), tracing.span("deliver", parent=trace, mid=mid):
        clear(key)
        again = worker.drain(mid, more=partial(wake_another, mid), is_stopping=_is_stopping)
        if again is not None:
            wake(mid, again)
    # During a backlog, workers may not get to a sweep for minutes.
    heartbeat.record("worker")


def _is_stopping() -> bool:
    """Return whether this worker was told to stop. Its tasks are threads of its only process."""
    # The value is an exit status, and 0 for SIGTERM.
    told: tuple[object, ...] = (state.should_stop, state.should_terminate)
    return any(one is not None and one is not False for one in told)


@shared_task
@stops_without_database
def sweep() -> None:
    """Return expired leases, give up requests past their horizon, and wake units with due
    requests."""
    for mid in delivery_sweep.sweep():
        wake(mid)
    heartbeat.record("worker")
    heartbeat.record("sweep")


@shared_task
@stops_without_database
def record() -> None:
    """Write to the database the requests that were spooled while it was unavailable."""
    for request in spool.drain():
        wake(request.unit_id, store.undo_seconds(request.channel))


@shared_task
@stops_without_database
def send_webhooks(key: str = "") -> None:
    """Begin to post the events that are due, in threads of their own: this task ends at once. `key`
    is the key of the wake-up; beat sends the task without one, for expired leases, too."""
    if key:
        webhook_wakeup.clear(key)
    else:
        webhook_queue.free_leases()
    webhook_sending.start(_is_stopping)


@shared_task
@stops_without_database
def refresh_daily_counts() -> None:
    """Recount the days on which requests changed, and those of another time zone than before."""
    daily_counts.refresh()
    zone_recounts.run()


@shared_task
@stops_without_database
def import_events() -> None:
    """Start an import of unsubscribe events for each unit that has it switched on."""
    for mid in event_import.importing_units():
        import_events_of.delay(mid)


@shared_task
@stops_without_database
def import_events_of(mid: int) -> None:
    """Import the unsubscribe events of one unit, and recount the affected days."""
    daily_counts.recount(event_import.import_unit(mid))


@shared_task
@stops_without_database
def run_imports() -> None:
    """Start the imports of files that no worker reads."""
    for number in imports.due():
        run_import.delay(number)


@shared_task
@stops_without_database
def run_import(number: int) -> None:
    """Check a file of unsubscribes, or write its rows as requests."""
    imports.run(number, is_stopping=_is_stopping)


@shared_task
@stops_without_database
def start_exports() -> None:
    """Make the files of scheduled exports that are due, and start writing the missing ones."""
    export_runs.make_due()
    for number in export_runs.due():
        write_export.delay(number)


@shared_task
@stops_without_database
def write_export(number: int) -> None:
    """Write one file of a scheduled export to the storage."""
    export_runs.write(number)


@shared_task
@stops_without_database
def start_weekly_digests() -> None:
    """Start the emails of the weekly digests that are due."""
    for digest_id in weekly_digest.due(timezone.now()):
        send_weekly_digest.delay(digest_id)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, max_retries=8)
@stops_without_database
def send_weekly_digest(digest_id: int) -> None:
    """Email a weekly digest. Repeated with backoff where the mail server does not answer."""
    weekly_digest.send(digest_id)


@shared_task
@stops_without_database
def send_invitations() -> None:
    """Send the invitations that the mail server did not take before."""
    for pk, number in invitations.claim_due():
        invitations.send(pk, number)


@shared_task
@stops_without_database
def end_pauses() -> None:
    """End the pauses whose time is over, and wake the units that got a request or email by it.
    Not while requests are spooled: one of them may be to stay unsubscribed for good."""
    if not spool.is_empty():
        return
    for mid in pauses.end_due():
        wake(mid)


@shared_task
@stops_without_database
def apply_retention() -> None:
    """Remove from ended requests what names their subscriber, as the units' settings say."""
    retention.apply(chunks=RETENTION_CHUNKS)
    imports.remove_old()


@shared_task
@stops_without_database
def seal_audit() -> None:
    """Seal requests that have ended, and attempts."""
    sealing.seal(chunks=SEALS)


@shared_task
@stops_without_database
def find_all_subscribers_lists() -> None:
    """Start reading which list is All Subscribers, for each unit for which that is due."""
    for mid in all_subscribers.due_units():
        find_all_subscribers_list_of.delay(mid)


@shared_task
@stops_without_database
def find_all_subscribers_list_of(mid: int) -> None:
    """Read from Marketing Cloud which list of a unit is All Subscribers."""
    all_subscribers.refresh(mid)


@shared_task
@stops_without_database
def read_sends() -> None:
    """Start reading the names and numbers of sends, for each unit with some that are due."""
    for mid in sends.due_units():
        read_sends_of.delay(mid)


@shared_task
@stops_without_database
def read_sends_of(mid: int) -> None:
    """Read from Marketing Cloud what the sends of a unit are called, and to how many they went."""
    sends.refresh(mid)


@shared_task
@stops_without_database
def watch() -> None:
    """Update the alarms, start the notifications that are due, and tell the dead man's switch that
    this look was completed. While the database takes no writes, notify of what Redis shows. Outages
    are found by the web processes (`alerting.second_look`)."""
    try:
        detection.evaluate()
        notification_ids = notifications.claim_due()
    except (DatabaseError, InterfaceError):
        without_database.notify()
        raise
    for notification_id in notification_ids:
        notify.delay(notification_id)
    heartbeat.record("watch")
    dead_mans_switch.ping()


@shared_task
@stops_without_database
def notify(notification_id: int) -> None:
    """Send one notification of an alarm. What is not accepted is due again for a later `watch`."""
    notifications.send_claimed(notification_id)
