"""Prometheus metrics: the counters of all processes, and gauges of the queues from the database."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import redis
from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, F, Min
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from unsub.audit import sealing
from unsub.infra import call_slots, heartbeat, write_probe
from unsub.infra.redis_client import quick_client
from unsub.infra.spool_queue import Size, SpoolQueue
from unsub.models import (
    Alarm,
    BackupSchedule,
    BusinessUnit,
    DeliveryState,
    EmailStatus,
    EndpointState,
    LinkEmail,
    MessageTypeState,
    QueueState,
    SealCursor,
    Status,
    SubscriberRequest,
    WebhookDelivery,
)
from unsub.models.queue_state import queue_of
from unsub.models.request import waits_since
from unsub.models.statuses import in_states
from unsub.reporting import unsubscribe_rate
from unsub.reporting.late_calls import late_calls
from unsub.reporting.latency import late, processing_time
from unsub.units.queue_state import CIRCUIT_OPEN

Figures = dict[str, tuple[float | None, float | None, float | None, float | None, int]]
_FIGURES = "processing_time"
_shared = caches["shared"]
_broker = quick_client()


@never_cache
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Return all metrics. Labels are MIDs and codes, never data about people."""
    counters = REGISTRY
    if settings.PROMETHEUS_MULTIPROC_DIR:
        counters = CollectorRegistry()
        multiprocess.MultiProcessCollector(counters)  # type: ignore[no-untyped-call]
    queues = CollectorRegistry()
    queues.register(_Queues())
    queues.register(_Processes())
    body = generate_latest(counters) + generate_latest(queues)
    return HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Queues(Collector):
    """Gauges from the database. Finished requests are left out: there are too many of them to
    count."""

    def describe(self) -> list[Metric]:
        """Return nothing, because registering must not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; only `unsub_database_up` where the database does not answer. That is 0
        as well where it answers and takes no writes."""
        try:
            found = [
                _requests(),
                _link_emails(),
                _oldest(),
                *_units(),
                _circuits(),
                *_processing_time(),
                _alarms(),
                _late_calls(),
                _sealed(),
                *_backups(),
                *_webhooks(),
                *_unsubscribes(),
            ]
        except (DatabaseError, InterfaceError):
            found = []
        yield GaugeMetricFamily(
            "unsub_database_up",
            "Whether the database answered this scrape and takes writes.",
            value=bool(found) and write_probe.database_takes_writes(),
        )
        yield from found


def _webhooks() -> Iterator[Metric]:
    """Yield what is pending for active webhooks. One query."""
    pending = WebhookDelivery.objects.filter(
        state=DeliveryState.PENDING, endpoint__state=EndpointState.ACTIVE
    ).order_by()
    number = GaugeMetricFamily(
        "unsub_webhooks_pending", "Events that a webhook has not received yet.", labels=["endpoint"]
    )
    oldest = GaugeMetricFamily(
        "unsub_webhooks_oldest_seconds", "Age of the oldest of them.", labels=["endpoint"]
    )
    found = pending.values("endpoint_id").annotate(
        count=Count("pk"), age=Now() - Min("event__occurred_at")
    )
    for row in found:
        labels = [str(row["endpoint_id"])]
        number.add_metric(labels, row["count"])
        oldest.add_metric(labels, row["age"].total_seconds())
    yield number
    yield oldest


class _Processes(Collector):
    """Gauges from the broker. The age of a process that was never seen is left out."""

    def describe(self) -> list[Metric]:
        """Return nothing, because registering must not query the broker."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; only `unsub_broker_up` where the broker does not answer. That is 0 as
        well where it answers and takes no writes."""
        yield GaugeMetricFamily(
            "unsub_broker_up",
            "Whether the broker takes writes.",
            value=write_probe.broker_takes_writes(_broker),
        )
        ages: dict[str, float | None] = {}
        with suppress(redis.RedisError):
            ages = heartbeat.ages(_broker)
        with suppress(redis.RedisError):
            yield from (*_spooled(), *_slots())
        for name, gauge in _heartbeats().items():
            age = ages.get(name)
            if age is not None:
                gauge.add_metric((), age)
                yield gauge


def _slots() -> Iterator[Metric]:
    """Yield how many calls to Marketing Cloud are under way, and how many there may be. Raises
    RedisError."""
    labels = ("caller",)
    used = GaugeMetricFamily(
        "unsub_call_slots_in_use", "Calls to Marketing Cloud under way.", labels=labels
    )
    allowed = GaugeMetricFamily(
        "unsub_call_slots", "Concurrent calls that are allowed.", labels=labels
    )
    for caller in call_slots.Caller:
        label = (caller.name.lower(),)
        used.add_metric(label, call_slots.in_use(_broker, caller))
        allowed.add_metric(label, caller.limit)
    yield from (used, allowed)


def _spooled() -> Iterator[Metric]:
    """Yield the number and age of spooled requests and of dead letters by unit. Raises
    RedisError."""
    spool = SpoolQueue(_broker)
    labels = ("mid",)
    yield from _sizes(
        spool.sizes(),
        GaugeMetricFamily("unsub_spool", "Requests in the spool.", labels=labels),
        GaugeMetricFamily(
            "unsub_spool_oldest_seconds", "Age of the oldest request in the spool.", labels=labels
        ),
    )
    yield from _sizes(
        spool.dead_sizes(),
        GaugeMetricFamily(
            "unsub_dead_letters", "Spooled requests that could not be stored.", labels=labels
        ),
        GaugeMetricFamily(
            "unsub_dead_letters_oldest_seconds", "Age of the oldest dead letter.", labels=labels
        ),
    )


def _sizes(
    sizes: dict[int, Size], number: GaugeMetricFamily, age: GaugeMetricFamily
) -> Iterator[Metric]:
    for mid, size in sizes.items():
        number.add_metric((str(mid),), size.number)
        age.add_metric((str(mid),), size.seconds)
    yield from (number, age)


def _heartbeats() -> dict[str, GaugeMetricFamily]:
    """Return an empty gauge for each heartbeat."""
    return {
        "worker": GaugeMetricFamily(
            "unsub_worker_last_seen_seconds", "Seconds since a worker last finished a task."
        ),
        "beat": GaugeMetricFamily(
            "unsub_beat_last_seen_seconds", "Seconds since beat last published a sweep."
        ),
        "sweep": GaugeMetricFamily(
            "unsub_sweep_last_completed_seconds", "Seconds since a sweep was completed."
        ),
        "watch": GaugeMetricFamily(
            "unsub_watch_last_completed_seconds", "Seconds since a look for alarms was completed."
        ),
    }


def _requests() -> Metric:
    """Return the number of open and held requests by unit and status."""
    gauge = GaugeMetricFamily(
        "unsub_requests", "Requests that are not done, by status.", labels=("mid", "status")
    )
    for mid, status, number in SubscriberRequest.objects.open_counts():
        gauge.add_metric((str(mid), status), number)
    return gauge


def _link_emails() -> Metric:
    """Return how many emails with links are on their way or refused, by unit."""
    gauge = GaugeMetricFamily(
        "unsub_link_emails", "Emails with links that were not sent, by status.",
        labels=("mid", "status"),
    )  # fmt: skip
    open_ = in_states(EmailStatus.PENDING, EmailStatus.SENDING, EmailStatus.REFUSED)
    rows = LinkEmail.objects.filter(open_).order_by()
    for row in rows.values("unit_id", "status").annotate(number=Count("pk")):
        gauge.add_metric((str(row["unit_id"]), row["status"]), row["number"])
    return gauge


def _oldest() -> Metric:
    """Return the age of the oldest pending or held request of each unit."""
    gauge = GaugeMetricFamily(
        "unsub_oldest_pending_seconds", "Age of the oldest unsent request.", labels=("mid",)
    )
    waiting = SubscriberRequest.objects.filter(status=Status.PENDING).order_by()
    ages = waiting.values("unit_id").annotate(age=Now() - Min(waits_since()))
    for row in ages:
        gauge.add_metric((str(row["unit_id"]),), row["age"].total_seconds())
    return gauge


def _units() -> tuple[Metric, Metric]:
    """Return which units' queues are held, and which are paused."""
    held = GaugeMetricFamily("unsub_unit_held", "1 while a unit's queue is held.", labels=("mid",))
    paused = GaugeMetricFamily(
        "unsub_unit_paused", "1 while a unit's queue is paused.", labels=("mid",)
    )
    units = BusinessUnit.objects.select_related("queue_state").annotate(now=Now())
    for unit in units.order_by("mid"):
        label, queue = (str(unit.mid),), queue_of(unit)
        held.add_metric(label, queue.is_held)
        paused.add_metric(label, queue.is_paused(unit.now))
    return held, paused


def _circuits() -> Metric:
    """Return the open circuits; the message type is `all` for that of the whole queue."""
    gauge = GaugeMetricFamily(
        "unsub_circuit_open", "1 while a circuit is open.", labels=("mid", "message_type")
    )
    queues = QueueState.objects.filter(paused_reason=CIRCUIT_OPEN).values_list("pk", flat=True)
    for mid in queues:
        gauge.add_metric((str(mid), "all"), 1)
    types = MessageTypeState.objects.filter(paused_until__isnull=False, held_since=None)
    for mid, message_type in types.values_list("unit_id", "message_type"):
        gauge.add_metric((str(mid), message_type), 1)
    return gauge


def _processing_time() -> Iterator[Metric]:
    """Yield processing times and overdue requests by unit. Cached for a minute."""
    times = GaugeMetricFamily(
        "unsub_processing_seconds",
        "From receipt to confirmation, over the last seven days.",
        labels=("mid", "quantile"),
    )
    within = GaugeMetricFamily(
        "unsub_processed_within_48h_ratio", "Share confirmed within 48 hours.", labels=("mid",)
    )
    overdue = GaugeMetricFamily(
        "unsub_late_requests", "Requests older than 48 hours that have not ended.", labels=("mid",)
    )
    for mid, (p50, p95, p99, share, number) in _figures().items():
        for quantile, seconds in (("0.5", p50), ("0.95", p95), ("0.99", p99)):
            if seconds is not None:
                times.add_metric((mid, quantile), seconds)
        if share is not None:
            within.add_metric((mid,), share)
        overdue.add_metric((mid,), number)
    yield from (times, within, overdue)


def _figures() -> Figures:
    """Return p50, p95, p99 (seconds), the share confirmed within 48 hours, and the number of
    overdue requests, by MID."""
    with suppress(redis.RedisError):
        if known := _shared.get(_FIGURES):
            return dict(known)
    figures: Figures = {}
    for mid in BusinessUnit.objects.values_list("mid", flat=True):
        one = processing_time(mid)
        figures[str(mid)] = (one.p50, one.p95, one.p99, one.within, late(mid))
    with suppress(redis.RedisError):
        _shared.set(_FIGURES, figures, timeout=60)
    return figures


def _late_calls() -> Metric:
    """Return how many calls of the last day were made by workers that had lost their lease."""
    gauge = GaugeMetricFamily(
        "unsub_late_calls", "Calls of the last 24 hours made after their lease.", labels=("mid",)
    )
    for mid, number in late_calls(timedelta(days=1)).items():
        gauge.add_metric((str(mid),), number)
    return gauge


def _sealed() -> Metric:
    """Return the time since the audit was last sealed; no value where it never was."""
    gauge = GaugeMetricFamily(
        "unsub_audit_sealed_seconds", "Time since all that had ended was last sealed."
    )
    run = SealCursor.objects.filter(source=sealing.RUN).exclude(upto_at=None)
    for age in run.annotate(age=Now() - F("upto_at")).values_list("age", flat=True):
        gauge.add_metric((), age.total_seconds())
    return gauge


def _backups() -> tuple[Metric, Metric]:
    """Return the time since the last backup of the schedule, and its interval; no values without a
    schedule."""
    age = GaugeMetricFamily(
        "unsub_backup_seconds",
        "Time since the last scheduled backup; before the first, since the schedule began.",
    )
    every = GaugeMetricFamily("unsub_backup_interval_seconds", "Interval of the backups.")
    last = Coalesce("completed_at", "began_at")
    for row in BackupSchedule.objects.annotate(age=Now() - last):
        age.add_metric((), row.age.total_seconds())
        every.add_metric((), row.every_seconds)
    return age, every


def _unsubscribes() -> tuple[Metric, Metric]:
    """Return the unsubscribes of today, and how many are usual on a busy day."""
    number = GaugeMetricFamily(
        "unsub_unsubscribes_today",
        "Unsubscribes since midnight in the unit's time zone.",
        labels=("mid",),
    )
    usual = GaugeMetricFamily(
        "unsub_unsubscribes_usual", "Unsubscribes of one of the unit's busy days.", labels=("mid",)
    )
    for mid, rate in unsubscribe_rate.today().items():
        number.add_metric((str(mid),), rate.number)
        if rate.usual is not None:
            usual.add_metric((str(mid),), rate.usual)
    return number, usual


def _alarms() -> Metric:
    """Return the open alarms."""
    gauge = GaugeMetricFamily(
        "unsub_alarms_open", "1 while an alarm is open.", labels=("cause", "mid")
    )
    # Of several sends of one unit there are several.
    rows = Alarm.objects.filter(cleared_at=None).order_by()
    for cause, mid in rows.values_list("cause", "mid").distinct():
        gauge.add_metric((cause, str(mid)), 1)
    return gauge
