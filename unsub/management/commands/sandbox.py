"""`manage.py sandbox`: run the stand-in for Marketing Cloud in the foreground."""

import errno
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from unsub.management.arguments import port
from unsub.management.sample_emails import SampleEmail, sample_emails
from unsub.management.sample_links import ODD_SUBSCRIBERS, SampleLink, sample_links
from unsub.sandbox import SCOPES, serve_forever

SAMPLE_MID, SAMPLE_NAME = 510001, "Example Outfitters"


class Command(BaseCommand):
    """Serves the token endpoint, the WSDL, SOAP and a page until Ctrl-C or SIGTERM."""

    help = "Serve a stand-in for Marketing Cloud; credentials are sandbox / sandbox."
    # It does not need the database, the broker or the settings, and has to start without them.
    requires_system_checks = []  # noqa: RUF012 - the name and the type are Django's

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options; the token lifetime is in seconds."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=port, default=8025, help="port to listen on")
        parser.add_argument(
            "--subscribers", type=int, default=50, help="number of generated subscribers"
        )
        parser.add_argument("--state", type=Path, help="file that stores unsubscribes")
        parser.add_argument("--token-lifetime", type=float, default=1079.0, help="in seconds")
        parser.add_argument(
            "--scope",
            nargs="*",
            choices=sorted(SCOPES),
            default=sorted(SCOPES),
            help="rights of the package that tokens are for; default: all",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve, or raise CommandError where the port is taken."""
        # Shells start background processes with SIGINT ignored, so both handlers are set.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
        links, emails, note = _links()
        try:
            serve_forever(
                options["host"],
                options["port"],
                options["subscribers"],
                state=options["state"],
                token_lifetime=options["token_lifetime"],
                scopes=options["scope"],
                links=links,
                links_note=note,
                emails=emails,
                more_subscribers=ODD_SUBSCRIBERS if links else {},
                announce=lambda url: self.stdout.write(f"Marketing Cloud stand-in at {url}"),
            )
        except KeyboardInterrupt:
            return
        except OSError as err:
            raise CommandError(_explain(err, options)) from err


def _links() -> tuple[list[SampleLink], list[SampleEmail], str]:
    """Return the links and emails for the sandbox's pages, or none and why: they are real links,
    which must not be shown where they lead to a real tenant."""
    # The command starts without the project's settings, too.
    keys = getattr(settings, "LINK_KEYRING", None)
    if not keys:
        return [], [], "There are no links without LINK_KEYS."
    if urlsplit(settings.SFMC_AUTH_URL).scheme == "https":
        return [], [], "There are no links in a deployment that calls Marketing Cloud itself."
    mid = settings.SFMC_ACCOUNT_ID or SAMPLE_MID
    url = settings.PUBLIC_URL
    try:
        links = sample_links(address=url, mid=mid, keys=keys)
        return links, sample_emails(address=url, mid=mid, keys=keys, sender=SAMPLE_NAME), ""
    except ValueError as err:
        return [], [], f"There are no links: {err}."


def _explain(err: OSError, options: dict[str, Any]) -> str:
    where = f"{options['host']}:{options['port']}"
    if err.errno == errno.EADDRINUSE:
        return f"{where} is in use. Choose another port with --port."
    if err.filename is not None:
        return f"The state file could not be used ({err.strerror}). Choose another with --state."
    return f"Cannot listen on {where} ({err.strerror}). See --host and --port."
