"""manage.py show_version, or manage.py --version: the installed versions."""

import platform
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Prints one line."""

    help = "Print the versions of Profile Center, Django and Python."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(
            f"Profile Center {settings.PROFILECENTER_VERSION}"
            f" (revision {settings.PROFILECENTER_REVISION},"
            f" Django {django.get_version()}, Python {platform.python_version()})"
        )
