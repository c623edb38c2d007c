"""manage.py export_audit: one row per request, streamed in constant memory."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from unsub.management.arguments import moment, whole_number
from unsub.management.streams import STANDARD, writing
from unsub.models import Status, SubscriberRequest
from unsub.models.request import any_status
from unsub.reporting import audit_export

_PROGRESS = 20_000


class Command(BaseCommand):
    """Writes the audit to standard output or to a file, oldest first."""

    help = "Write one row per request, oldest first, as CSV or as JSON lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=("csv", "jsonl"), default="csv")
        parser.add_argument(
            "--output", type=Path, default=STANDARD, metavar="FILE",
            help="output file; default: -, standard output",
        )  # fmt: skip
        parser.add_argument("--status", action="append", choices=Status.values, help="repeatable")
        parser.add_argument(
            "--mid", type=whole_number, action="append", help="business unit; repeatable"
        )
        parser.add_argument(
            "--name-subscribers", action="store_true",
            help="add SubscriberID, SubscriberKey and address, as the link carried them",
        )  # fmt: skip
        parser.add_argument("--since", type=moment, help="received at or after: date or time")
        parser.add_argument("--until", type=moment, help="received before: date or time")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the rows. Raises CommandError. A closed pipe ends it without an error."""
        named = options["name_subscribers"]
        found = self._counted(_rows(options, named=named))
        lines = audit_export.csv_lines if options["format"] == "csv" else audit_export.json_lines
        with writing(options["output"], self.stdout) as write:
            for line in lines(found, audit_export.columns(named=named)):
                write(line)

    def _counted(self, found: Iterator[audit_export.Row]) -> Iterator[audit_export.Row]:
        """Yield the rows, and show their number on a terminal."""
        number = 0
        for number, row in enumerate(found, start=1):
            yield row
            if number % _PROGRESS == 0 and self.stderr.isatty():
                self.stderr.write(f"\r{number:,} requests", ending="")
        if number >= _PROGRESS and self.stderr.isatty():
            self.stderr.write(f"\r{number:,} requests")


def _rows(options: dict[str, Any], *, named: bool) -> Iterator[audit_export.Row]:
    """Yield the rows that the options select."""
    filters = {
        "unit_id__in": options["mid"],
        "received_at__gte": options["since"], "received_at__lt": options["until"],
    }  # fmt: skip
    requests = SubscriberRequest.objects.order_by("pk").filter(
        **{name: value for name, value in filters.items() if value is not None}
    )
    if options["mid"] is not None:
        requests = requests.filter(any_status())  # so that the database can use an index
    if options["status"] is not None:
        requests = requests.shown_as(*options["status"])
    return audit_export.iter_rows(requests, named=named)
