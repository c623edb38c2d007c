"""manage.py export_seals: the seals of the audit for a third party, as JSON lines."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from unsub.audit import seals, verification
from unsub.management.streams import STANDARD, writing


class Command(BaseCommand):
    """Writes one line for each seal, oldest first."""

    help = (
        "Export the seals of the audit as JSON lines, to be kept apart from the database. They "
        "name nobody. verify_audit --seals compares with them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--output", type=Path, default=STANDARD, metavar="FILE",
            help="output file; default: -, standard output",
        )  # fmt: skip
        parser.add_argument(
            "--after", type=int, default=0, metavar="NUMBER",
            help="only seals after this one, as far as an earlier export went",
        )  # fmt: skip

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the lines. A closed pipe ends it without an error."""
        with writing(options["output"], self.stdout) as write:
            for seal in verification.iter_seals(options["after"]):
                write(json.dumps(seals.as_line(seal)) + "\n")
