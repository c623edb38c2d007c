"""manage.py new_digest_key: DIGEST_KEYS with one more key, for the file of the secret."""

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from unsub.infra import digests


class Command(BaseCommand):
    """Prints the digest keys in use and a new one at the end; changes nothing."""

    help = "Print DIGEST_KEYS with a new key at the end. These are secrets: write them into a file."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print the value as JSON. Keys that follow from SECRET_KEY are printed, too."""
        keys = {key.id: key.secret for key in digests.keyring().keys}
        name = f"{timezone.now():%Y%m}-{secrets.token_hex(2)}"
        self.stdout.write(json.dumps(keys | {name: secrets.token_urlsafe(32)}, indent=2))
