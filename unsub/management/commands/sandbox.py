"""`manage.py sandbox`: run the stand-in for Marketing Cloud in the foreground."""

import errno
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from unsub.sandbox import serve_forever


class Command(BaseCommand):
    """Serves the token endpoint, the WSDL, SOAP and a page until Ctrl-C or SIGTERM."""

    help = "Serve a stand-in for Marketing Cloud; credentials are sandbox / sandbox."
    # It does not need the database, the broker or the settings, and has to start without them.
    requires_system_checks = []  # noqa: RUF012 - the name and the type are Django's

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options; the token lifetime is in seconds."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8025, help="port to listen on")
        parser.add_argument(
            "--subscribers", type=int, default=50, help="number of generated subscribers"
        )
        parser.add_argument("--state", type=Path, help="file that stores unsubscribes")
        parser.add_argument("--token-lifetime", type=float, default=1079.0, help="in seconds")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve, or raise CommandError where the port is taken."""
        # Shells start background processes with SIGINT ignored, so both handlers are set.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
        try:
            serve_forever(
                options["host"],
                options["port"],
                options["subscribers"],
                state=options["state"],
                token_lifetime=options["token_lifetime"],
                announce=lambda url: self.stdout.write(f"Marketing Cloud stand-in at {url}"),
            )
        except KeyboardInterrupt:
            return
        except OSError as err:
            raise CommandError(_explain(err, options)) from err


def _explain(err: OSError, options: dict[str, Any]) -> str:
    where = f"{options['host']}:{options['port']}"
    if err.errno == errno.EADDRINUSE:
        return f"{where} is in use. Choose another port with --port."
    if err.filename is not None:
        return f"The state file could not be used ({err.strerror}). Choose another with --state."
    return f"Cannot listen on {where} ({err.strerror}). See --host and --port."
