"""manage.py release: release held queues once their cause is corrected."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from unsub.outbox import api as outbox
from unsub.units import queue_state


class Command(BaseCommand):
    """Releases the queues of business units."""

    help = "Release the held queues of business units; their requests are sent at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("mids", nargs="*", type=int, metavar="MID")
        parser.add_argument("--all", action="store_true", help="every held queue")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Release the queues, and print how many requests wait in them."""
        held, mids = queue_state.held_mids(), set(options["mids"])
        if options["all"]:
            mids |= held
        elif not mids:
            raise CommandError("Give one or more MIDs, or --all.")
        unknown = mids - queue_state.known_mids()
        if unknown:
            names = ", ".join(map(str, sorted(unknown)))
            raise CommandError(f"no such business unit: {names}. Create it with add_unit.")
        if options["dry_run"]:
            number = sum(map(queue_state.number_pending, mids & held))
            self.stdout.write(f"{number} would be released; nothing was changed")
            return
        self.stdout.write(f"{outbox.release(mids)} are pending again")
