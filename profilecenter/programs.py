"""The programs `celery worker` and `celery beat`, as a deployment needs them.

They refuse to start where the broker's transport cannot be imported, write what they have to say as
lines of the log, and beat notes when it published a sweep. `celery -A profilecenter worker` starts
these classes; celery.py names them.
"""

import logging
from typing import Any

import structlog
from celery.app import log as celery_log
from celery.apps import beat, worker
from celery.beat import PersistentScheduler, ScheduleEntry
from celery.utils.log import reset_multiprocessing_logger

from unsub.infra import heartbeat
from unsub.infra.redis_client import require_transport

from .logs import write_line

log = structlog.get_logger(__name__)

SWEEP = "unsub.tasks.sweep"


def _say(message: object, _stream: object = None) -> None:
    """Write what Celery says while a signal is handled: "worker: Warm shutdown (MainProcess)"."""
    write_line(logging.INFO, str(message))


# Celery writes it to standard output as it is, and offers no other way to change that.
worker.safe_say = _say  # type: ignore[attr-defined]  # not in the stubs


class Logging(celery_log.Logging):
    """Leaves logging as Django's settings have it: one format, and LOG_LEVEL instead of
    --loglevel."""

    def setup_logging_subsystem(self, *_args: Any, **_options: Any) -> None:
        """Add no handler. What is printed is still redirected to the log, by the caller."""
        reset_multiprocessing_logger()


class Worker(worker.Worker):
    """A worker that says in one line what Celery's banner says in thirty-five."""

    def on_before_init(self, *args: Any, **options: Any) -> None:
        """Raises ImproperlyConfigured where the broker's transport cannot be imported."""
        logging.captureWarnings(True)
        require_transport()
        super().on_before_init(*args, **options)

    def emit_banner(self) -> None:
        """Write the line."""
        log.info(
            "worker_starting",
            node=self.hostname,  # type: ignore[attr-defined]  # not in the stubs
            concurrency=self.concurrency,  # type: ignore[attr-defined]
            broker=self.app.connection().as_uri(),
            queues=sorted(self.app.amqp.queues),
        )


class Beat(beat.Beat):
    """A beat without a banner."""

    def run(self) -> None:
        """Run until it is told to end."""
        self.quiet = True
        super().run()

    def init_loader(self) -> None:
        """Raises ImproperlyConfigured where the broker's transport cannot be imported."""
        super().init_loader()
        logging.captureWarnings(True)
        require_transport()


class Scheduler(PersistentScheduler):
    """Celery's own, which notes when it has published a sweep.

    After it is published, and from beat's own process: so a beat that lives and cannot reach the
    broker counts as silent, and one whose workers are all gone does not.
    """

    def apply_async(self, entry: ScheduleEntry, *args: Any, **options: Any) -> Any:
        """Return what publishing returns. Never raises for the note."""
        result = super().apply_async(entry, *args, **options)
        if entry.task == SWEEP:
            heartbeat.record("beat")
        return result
