"""manage.py delivery_status: state of each business unit's queue."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Min
from django.db.models.functions import Now
from django.utils import timezone

from unsub.management.arguments import seconds
from unsub.models import BusinessUnit, EmailStatus, LinkEmail, Status, SubscriberRequest
from unsub.models.queue_state import queue_of
from unsub.models.request import waits_since
from unsub.models.statuses import OPEN, in_states
from unsub.reporting.latency import late, processing_time

SHOWN = (*OPEN, Status.HELD)
_CLEAR = "\x1b[2J\x1b[H"
COLUMNS = (
    "mid", "name", "pending", "oldest", "sending", "held", "refused", "emails", "emails_refused",
    "per_hour", "late", "p50", "p95", "p99", "state", "next_probe",
)  # fmt: skip


class Command(BaseCommand):
    """Prints a row per unit."""

    help = "Show each business unit's queue, its state and its processing time (seconds)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mid", type=int, action="append", help="business unit; repeatable")
        parser.add_argument("--format", choices=("table", "json"), default="table")
        parser.add_argument(
            "--watch",
            nargs="?",
            type=seconds,
            const=2.0,
            help="refresh every N seconds (default: 2)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the rows, once or until Ctrl-C."""
        try:
            while True:
                text = self._text(options)
                self.stdout.write(f"{_CLEAR}{text}" if options["watch"] else text)
                self.stdout.flush()
                if not options["watch"]:
                    return
                time.sleep(options["watch"])
        except KeyboardInterrupt:
            return

    @staticmethod
    def _text(options: dict[str, Any]) -> str:
        rows = list(_rows(set(options["mid"] or ())))
        return json.dumps(rows) if options["format"] == "json" else table(rows)


def _rows(wanted: set[int]) -> Iterator[dict[str, Any]]:
    """Yield a row per unit, and one per unknown MID that has requests."""
    counts = _counts()
    units = {unit.mid: unit for unit in BusinessUnit.objects.select_related("queue_state")}
    for mid in sorted({*units, *(mid for mid, _ in counts)}):
        if wanted and mid not in wanted:
            continue
        latency = processing_time(mid)
        yield {
            "mid": mid,
            "name": units[mid].name if mid in units else "(unknown unit)",
            **{status.value: counts.get((mid, status.value), 0) for status in SHOWN},
            "emails": _emails(mid, EmailStatus.PENDING, EmailStatus.SENDING),
            "emails_refused": _emails(mid, EmailStatus.REFUSED),
            "oldest": _oldest(mid),
            "per_hour": _per_hour(mid),
            "late": late(mid),
            **{name: _round(getattr(latency, name)) for name in ("p50", "p95", "p99")},
            "state": _state(units.get(mid)),
            "next_probe": _next_probe(units.get(mid)),
        }


def _counts() -> dict[tuple[int, str], int]:
    """Return the number of open and refused requests by unit and status."""
    found = SubscriberRequest.objects.open_counts()
    return {(mid, status): number for mid, status, number in found}


def _emails(mid: int, *states: EmailStatus) -> int:
    """Return the number of a unit's emails with links in these states."""
    return LinkEmail.objects.filter(in_states(*states), unit_id=mid).count()


def _oldest(mid: int) -> float | None:
    """Return the age in seconds of the oldest pending or held request."""
    waiting = SubscriberRequest.objects.filter(status=Status.PENDING, unit_id=mid)
    since = waiting.aggregate(since=Min(waits_since()))["since"]
    return None if since is None else _round((timezone.now() - since).total_seconds())


def _per_hour(mid: int) -> int:
    """Return how many requests were confirmed within the last hour."""
    hour = Now() - timedelta(hours=1)
    return SubscriberRequest.objects.filter(
        unit_id=mid, status=Status.DONE, finished_at__gt=hour
    ).count()


def _state(unit: BusinessUnit | None) -> str:
    """Return the state of a unit's queue, as text."""
    if unit is None:
        return "held: unknown unit"
    queue = queue_of(unit)
    if queue.is_held:
        return f"held: {queue.held_reason}"
    if queue.is_paused(timezone.now()):
        return f"paused: {queue.paused_reason}"
    return "open"


def _next_probe(unit: BusinessUnit | None) -> str | None:
    """Return when a paused or held queue is tried again, in UTC."""
    until = queue_of(unit).paused_until if unit else None
    return until.isoformat(" ", "seconds") if until and until > timezone.now() else None


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as an aligned table."""
    cells = [list(COLUMNS), *([_cell(row[name]) for name in COLUMNS] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)
