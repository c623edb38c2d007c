"""Our classes for `celery worker` and `celery beat`; celery.py names them.

They refuse to start if the broker's transport cannot be imported, write all output as log lines,
and beat records when it published a sweep.
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

from . import worker_metrics
from .logs import write_line

log = structlog.get_logger(__name__)

SWEEP = "unsub.tasks.sweep"


def _say(message: object, _stream: object = None) -> None:
    """Log what Celery says in its signal handlers: "worker: Warm shutdown (MainProcess)"."""
    write_line(logging.INFO, str(message))


# Celery writes it to standard output, and offers no other way to change that.
worker.safe_say = _say  # type: ignore[attr-defined]  # not in the stubs


class Logging(celery_log.Logging):
    """Keeps the logging of Django's settings: one format, and LOG_LEVEL instead of --loglevel."""

    def setup_logging_subsystem(self, *_args: Any, **_options: Any) -> None:
        """Add no handler. The caller still redirects standard output to the log."""
        reset_multiprocessing_logger()


class Worker(worker.Worker):
    """A worker that logs one line instead of Celery's banner of thirty-five."""

    def on_before_init(self, *args: Any, **options: Any) -> None:
        """Raises ImproperlyConfigured if the broker's transport cannot be imported."""
        logging.captureWarnings(True)
        require_transport()
        super().on_before_init(*args, **options)

    def on_consumer_ready(self, consumer: Any) -> None:
        """Begin to serve the metrics."""
        super().on_consumer_ready(consumer)
        worker_metrics.serve()

    def emit_banner(self) -> None:
        """Log the line."""
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
        """Run until stopped."""
        self.quiet = True
        super().run()

    def init_loader(self) -> None:
        """Raises ImproperlyConfigured if the broker's transport cannot be imported."""
        super().init_loader()
        logging.captureWarnings(True)
        require_transport()


class Scheduler(PersistentScheduler):
    """Celery's scheduler, which records when it has published a sweep.

    Recorded after publishing, and by beat's own process: a beat that runs but cannot reach the
    broker counts as silent, and one without any worker does not.
    """

    def apply_async(self, entry: ScheduleEntry, *args: Any, **options: Any) -> Any:
        """Return what publishing returns. Recording never raises."""
        result = super().apply_async(entry, *args, **options)
        if entry.task == SWEEP:
            heartbeat.record("beat")
        return result
