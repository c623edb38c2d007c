"""manage.py show_version, or manage.py --version: which Profile Center this is."""

import platform
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Writes one line to standard output."""

    help = "Print the versions of Profile Center, Django and Python."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Write the line."""
        self.stdout.write(
            f"Profile Center {settings.PROFILECENTER_VERSION}"
            f" (revision {settings.PROFILECENTER_REVISION},"
            f" Django {django.get_version()}, Python {platform.python_version()})"
        )
