"""manage.py requeue: queue refused and held requests again."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, QuerySet

from unsub.models import SubscriberRequest
from unsub.models.shown_status import can_be_requeued
from unsub.outbox import api as outbox

# Field of the audit export -> field of the model.
FIELDS = {
    "id": "pk", "status": "shown_status", "mid": "unit_id", "outcome": "outcome",
    "error_code": "error_code", "job_id": "job_id", "list_id": "list_id", "scope": "scope",
    "channel": "channel",
}  # fmt: skip
NUMBERS = frozenset({"id", "mid", "error_code", "job_id", "list_id"})
CHUNK = 500
PATIENCE = 2.0  # seconds after which progress is shown


class Command(BaseCommand):
    """Queues requests again; with --dry-run it only counts."""

    help = f"Send refused and held requests again. Fields: {', '.join(FIELDS)}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--where", action="append", default=[], metavar="FIELD=VALUE",
            help="repeatable; several values of one field are alternatives",
        )  # fmt: skip
        parser.add_argument("--all", action="store_true", help="all refused and held requests")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Count, then requeue."""
        if not options["where"] and not options["all"]:
            raise CommandError("Give --where FIELD=VALUE, or --all.")
        stuck = SubscriberRequest.objects.filter(can_be_requeued())
        found = stuck.with_shown_status().filter(**_conditions(options["where"]))
        total = self._tell(found)
        if options["dry_run"]:
            self.stdout.write(f"{total} would be requeued; nothing was changed")
            return
        self.stdout.write(f"{self._requeue(found, total)} are pending again")

    def _tell(self, found: "QuerySet[SubscriberRequest]") -> int:
        """Print the numbers by unit, status and code. Return the total."""
        by = ("unit_id", "shown_status", "error_code")
        counted = found.order_by().values_list(*by).annotate(number=Count("pk")).order_by(*by)
        total = 0
        for mid, status, code, number in counted:
            self.stdout.write(f"{mid}  {status:<8} {'-' if code is None else code:>6} {number:>8}")
            total += number
        return total

    def _requeue(self, found: "QuerySet[SubscriberRequest]", total: int) -> int:
        """Return how many were queued again. Each chunk is a short transaction of its own."""
        started, sent, last = time.monotonic(), 0, 0
        while ids := list(
            found.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]
        ):
            sent += outbox.requeue(ids)
            last = ids[-1]
            if self.stderr.isatty() and time.monotonic() - started > PATIENCE:
                self.stderr.write(f"\r{sent} of {total}", ending="")
        return sent


def _conditions(texts: list[str]) -> dict[str, list[Any]]:
    """Return the filters of FIELD=VALUE texts. Raises CommandError for other text."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in FIELDS:
            raise CommandError(f"{text}: write FIELD=VALUE with one of {', '.join(FIELDS)}")
        if name in NUMBERS and not (value.isdecimal() and len(value) < 19):
            raise CommandError(f"{text}: {name} is a number")
        found.setdefault(f"{FIELDS[name]}__in", []).append(int(value) if name in NUMBERS else value)
    return found
