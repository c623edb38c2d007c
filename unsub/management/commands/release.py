"""manage.py release: open held queues once their cause is mended."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from unsub.outbox import api as outbox
from unsub.units import queue_state


class Command(BaseCommand):
    """Releases the queues of business units."""

    help = "Open the held queues of business units; their requests go out at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("mids", nargs="*", type=int, metavar="MID")
        parser.add_argument("--all", action="store_true", help="every queue that is held")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Release, and say how many requests went."""
        held, mids = queue_state.held_mids(), set(options["mids"])
        if options["all"]:
            mids |= held
        elif not mids:
            raise CommandError("which? Give one MID or more, or --all.")
        unknown = mids - queue_state.known_mids()
        if unknown:
            names = ", ".join(map(str, sorted(unknown)))
            raise CommandError(f"no such business unit: {names}. Make it with add_unit.")
        if options["dry_run"]:
            number = sum(map(queue_state.number_pending, mids & held))
            self.stdout.write(f"{number} would be released; nothing was changed")
            return
        self.stdout.write(f"{outbox.release(mids)} are on their way again")
