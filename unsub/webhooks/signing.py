"""Signatures of the Standard Webhooks specification (version v1: HMAC-SHA256), and their
secrets."""

import base64
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from unsub.infra import sealing
from unsub.infra.sealing import SealError
from unsub.models import WebhookEndpoint

PREFIX = "whsec_"
_LENGTH = 32  # bytes; the specification asks for 24 to 64
_PURPOSE = "webhook secret"


def new_secret() -> str:
    """Return a new secret, as a receiver's library takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_LENGTH)).decode()


def sealed(secret: str) -> str:
    """Return a secret as the database has it."""
    return sealing.seal(_PURPOSE, secret.encode()).decode()


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Return the secrets that sign what is sent to an endpoint now, the current one first. Raises
    SealError where the current one cannot be read."""
    found = [_unsealed(endpoint.secret)]
    if endpoint.former_secret and endpoint.former_until and endpoint.former_until > now:
        # One that cannot be read is what a user replaces: it must not stop the new one.
        with suppress(SealError):
            found.append(_unsealed(endpoint.former_secret))
    return found


def _unsealed(text: str) -> str:
    return sealing.unseal(_PURPOSE, text.encode()).decode()


def headers(event_id: str, body: bytes, *, at: int, using: Iterable[str]) -> dict[str, str]:
    """Return the headers of a message: its id, its time (seconds since 1970), and a signature by
    each secret over both and the body."""
    signed = f"{event_id}.{at}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in using),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
