"""manage.py verify_audit: whether requests and attempts are as they were sealed."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from unsub.audit import verification
from unsub.management.progress import Progress
from unsub.management.streams import reading
from unsub.models import AuditSeal

MOST = 20  # findings that are printed


class Command(BaseCommand):
    """Verifies the seals; the exit status is 1 where something is wrong."""

    help = (
        "Verify that requests that have ended, and attempts, are as they were sealed. Names the "
        "rows that were altered, are missing, were moved or added, and the seals. Exit status 1 "
        "if there is any."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seals", type=Path, metavar="FILE",
            help="compare with seals that export_seals wrote earlier; -: standard input",
        )  # fmt: skip

    def handle(self, *_args: Any, **options: Any) -> None:
        """Verify. Raises CommandError where something is wrong."""
        result = verification.Result()
        total = AuditSeal.objects.aggregate(rows=Sum("rows"))["rows"] or 0
        progress = Progress(self.stderr, total)
        found = verification.verify(
            result, _exported(options["seals"]),
            lambda rows: progress.show(rows, f"{rows:,} rows"),
        )  # fmt: skip
        findings = list(islice(found, MOST + 1))
        progress.close()
        for finding in findings[:MOST]:
            self.stdout.write(str(finding))
        if len(findings) > MOST:
            self.stdout.write(f"and more: the first {MOST} are shown")
        if findings:
            raise CommandError(f"The audit is not as it was sealed. First: {findings[0]}")
        opened = f", {len(result.opened)} of them opened again since" if result.opened else ""
        self.stdout.write(
            f"{result.rows} rows in {result.seals} seals are as they were sealed{opened}"
        )
        self.stdout.write(f"last seal: {result.seals} {result.last}")


def _exported(path: Path | None) -> Iterator[verification.Line]:
    """Yield the lines of a file of exported seals, in the order of their numbers. Raises
    CommandError."""
    if path is None:
        return
    with reading(path) as lines:
        yield from _parsed(lines)


def _parsed(lines: Iterable[bytes]) -> Iterator[verification.Line]:
    before = 0
    for number, line in enumerate(lines, start=1):
        try:
            found = json.loads(line)
            order = int(found["number"])
        except (ValueError, TypeError, KeyError):
            raise CommandError(f"line {number} is no exported seal") from None
        if order <= before:
            raise CommandError(f"line {number} is not in the order of the seals' numbers")
        before = order
        yield found
