"""manage.py export_audit: one row per request, streamed, however many there are."""

import csv
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware

from unsub.models import Status, UnsubRequest

# The public contract (design 3.4): a column of the export, and where it comes from.
COLUMNS = {
    "id": "pk", "status": "status", "outcome": "outcome", "error_code": "error_code",
    "attempts": "attempts", "mid": "unit_id", "job_id": "job_id", "list_id": "list_id",
    "batch_id": "batch_id", "scope": "scope", "reason": "reason_text", "channel": "channel",
    "received_at": "received_at", "finished_at": "finished_at",
    "sfmc_request_id": "sfmc_request_id",
}  # fmt: skip
_CHUNK = 2000
_PROGRESS = 20_000
# A spreadsheet takes a cell that begins so for a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = tuple[Any, ...]


class Command(BaseCommand):
    """Writes the audit to standard output, oldest first."""

    help = "Write one row per request, oldest first, as CSV or as JSON lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--format", choices=("csv", "jsonl"), default="csv")
        parser.add_argument("--status", action="append", choices=Status.values, help="repeatable")
        parser.add_argument("--mid", type=int, action="append", help="business unit; repeatable")
        parser.add_argument("--since", type=_moment, help="received at or after: date or time")
        parser.add_argument("--until", type=_moment, help="received before: date or time")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the rows."""
        rows = self._counted(_rows(options))
        try:
            self._write_csv(rows) if options["format"] == "csv" else self._write_jsonl(rows)
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has read enough, as `| head` does.
            return

    def _write_csv(self, rows: Iterator[Row]) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_cell(value) for value in row])

    def _write_jsonl(self, rows: Iterator[Row]) -> None:
        for row in rows:
            fields = dict(zip(COLUMNS, map(_plain, row), strict=True))
            self.stdout.write(json.dumps(fields, ensure_ascii=False))

    def _counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Give the rows, telling a person who watches how many there were."""
        number = 0
        for number, row in enumerate(rows, start=1):
            yield row
            if number % _PROGRESS == 0 and self.stderr.isatty():
                self.stderr.write(f"\r{number:,} requests", ending="")
        if number >= _PROGRESS and self.stderr.isatty():
            self.stderr.write(f"\r{number:,} requests")


def _moment(text: str) -> datetime:
    """Return the moment that a date or a time names; raises CommandError for another text."""
    day = parse_date(text)
    found = parse_datetime(text) if day is None else datetime(day.year, day.month, day.day)  # noqa: DTZ001
    if found is None:
        raise CommandError(
            f"{text} is no date such as 2026-01-31, nor a time such as 2026-01-31T12:00Z"
        )
    return make_aware(found) if is_naive(found) else found


def _rows(options: dict[str, Any]) -> Iterator[Row]:
    """Give the rows that the options ask for."""
    filters = {
        "status__in": options["status"], "unit_id__in": options["mid"],
        "received_at__gte": options["since"], "received_at__lt": options["until"],
    }  # fmt: skip
    asked: QuerySet[UnsubRequest] = UnsubRequest.objects.order_by("pk").filter(
        **{name: value for name, value in filters.items() if value is not None}
    )
    return asked.values_list(*(F(source) for source in COLUMNS.values())).iterator(_CHUNK)


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; times are ISO 8601 in UTC."""
    return value.isoformat() if isinstance(value, datetime) else value


def _cell(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet runs."""
    plain = "" if value is None else _plain(value)
    return f"'{plain}" if isinstance(plain, str) and plain.startswith(_FORMULA) else plain
