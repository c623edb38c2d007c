"""manage.py apply_retention: remove from ended requests what names their subscriber."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from unsub.management.progress import Progress
from unsub.outbox import retention

_WORDS = {
    "requests": "requests", "emails": "emails with links", "lost_links": "lost links",
    "erasures": "declined requests for erasure", "api_answers": "answers of the API",
    "webhook_events": "events of webhooks",
    "webhook_erasures": "subscribers in events of erasures",
}  # fmt: skip


class Command(BaseCommand):
    """Applies the units' retention settings; with --dry-run it only counts."""

    help = (
        "Remove SubscriberID, SubscriberKey, address and new values from requests that ended "
        "longer ago than their business unit keeps them, and delete lost links as old. A worker "
        "does the same once an hour."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Count or apply, and print how many rows of each table."""
        if options["dry_run"]:
            self._tell(retention.counts())
            self.stdout.write("nothing was changed")
            return
        total = sum(retention.counts().values()) if self.stderr.isatty() else 0
        progress = Progress(self.stderr, total)
        found = retention.apply(report=lambda done: progress.show(done, f"{done} rows"))
        progress.close()
        self._tell(found)

    def _tell(self, found: dict[str, int]) -> None:
        for name, words in _WORDS.items():
            self.stdout.write(f"{found.get(name, 0):>8} {words}")
