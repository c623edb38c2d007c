"""manage.py sign_link: one signed unsubscribe link, for tests and for other senders."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from unsub.domain.context import ContextError, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.keyring import HMACS, RSA
from unsub.links.tokens import LinkError, sign_link
from unsub.models import BusinessUnit
from unsub.units.opening import only_mid, open_link


class Command(BaseCommand):
    """Prints one URL. Refuses to print one that could not be opened."""

    help = "Print one signed unsubscribe link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add an option for each claim of docs/links.md."""
        parser.add_argument("--mid", type=int, help="business unit; default: the only one")
        parser.add_argument("--subscriber-id", type=int)
        parser.add_argument("--subscriber-key")
        parser.add_argument("--email")
        parser.add_argument("--job-id", type=int)
        parser.add_argument("--list-id", type=int)
        parser.add_argument("--batch-id", type=int)
        parser.add_argument("--scope", choices=[scope.value for scope in Scope])
        parser.add_argument("--seal", action="store_true", help="encrypt the link (JWE)")
        parser.add_argument("--algorithm", choices=(*HMACS, *RSA), default="HS256")
        parser.add_argument("--lang", help="BCP 47 tag of the page")
        parser.add_argument("--context", default="", help="_messagecontext of the email")
        parser.add_argument("--expires-in", type=int, help="seconds until the link expires")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the link, or raise CommandError."""
        try:
            context = _context(options)
            token = sign_link(
                context,
                keys=settings.LINK_KEYRING,
                seal=options["seal"],
                algorithm=options["algorithm"],
            )
            open_link(token)
        except LinkError as err:
            why = f"{err.reason.value} {err.claim}".rstrip()
            raise CommandError(f"this link would be refused: {why}") from err
        except ValueError as err:
            raise CommandError(str(err)) from err
        unit = BusinessUnit.objects.filter(mid=context.mid).first()
        self.stdout.write(f"{unit.url if unit else settings.PUBLIC_URL}/u/{token}")


def _context(options: dict[str, Any]) -> UnsubContext:
    """Return the context that the options describe. Raises ContextError."""
    mid = options["mid"] or only_mid()
    if mid is None:
        raise ContextError("--mid is needed: there are several business units, or none")
    life = options["expires_in"]
    return UnsubContext(
        mid=mid,
        subscriber=SubscriberContext(
            subscriber_id=options["subscriber_id"],
            subscriber_key=options["subscriber_key"],
            email_address=options["email"],
        ),
        job=JobContext(
            job_id=options["job_id"], list_id=options["list_id"], batch_id=options["batch_id"]
        ),
        scope=Scope(options["scope"] or Scope.LIST),
        scope_is_explicit=options["scope"] is not None,
        message_context=options["context"],
        expires_at=None if life is None else int(time.time()) + life,
        language=options["lang"],
    )
