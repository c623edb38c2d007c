"""`manage.py receive_mail`: receive the emails to the mailto address in the foreground."""

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from prometheus_client import start_http_server

from unsub.mailto.server import serve


class Command(BaseCommand):
    """Receives until Ctrl-C or SIGTERM, for the company's mail server (docs/operations/mailto.md).
    The settings say where."""

    help = "Receive emails to MAILTO_ADDRESS, the mailto address of List-Unsubscribe."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Receive. Raises CommandError without an address, or where a port cannot be opened."""
        if not settings.MAILTO_ADDRESS:
            raise CommandError("Set MAILTO_ADDRESS, such as unsubscribe@in.example.com.")
        host, port = settings.MAILTO_LISTEN
        metrics = settings.MAILTO_METRICS_ADDRESS
        try:
            if metrics:
                start_http_server(metrics[1], addr=metrics[0])
            asyncio.run(
                serve(
                    host,
                    port,
                    address=settings.MAILTO_ADDRESS,
                    ready=lambda: self.stdout.write(f"Receiving emails on {host}:{port}"),
                )
            )
        except OSError as err:
            raise CommandError(f"A port cannot be opened: {err.strerror}.") from err
