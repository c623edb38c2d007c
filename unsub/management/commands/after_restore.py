"""manage.py after_restore: hold everything but unsubscribes after a restore of the database."""

from typing import Any

from django.core.management.base import BaseCommand

from unsub.management.progress import Progress
from unsub.outbox import restoring


class Command(BaseCommand):
    """Puts the hold in force, and repeats erasures that the backup does not know."""

    help = (
        "Hold changes and emails until a user releases them in the admin; unsubscribes are sent. "
        "Run it after the database was restored from a backup, before a worker starts. "
        "scripts/deploy/restore.sh does."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Put the hold in force first: all else may be repeated."""
        is_new = restoring.hold()
        progress = Progress(self.stderr, 0)
        restoring.erase_again(lambda done: progress.show(done, f"{done} imported requests"))
        progress.close()
        state = "are held now" if is_new else "were held already"
        self.stdout.write(
            f"changes and emails {state}; release them in the admin: Holds after a restore"
        )
