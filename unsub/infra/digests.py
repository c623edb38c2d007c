"""Email addresses as the audit stores them: a mask to display, a keyed digest to search by."""

from django.conf import settings

from unsub.domain.masking import keyed_digest, mask_email

_PURPOSE = "address"


def digest_of(address: str) -> str:
    """Return the digest to store, under SECRET_KEY; "" for no address. Without the key it cannot be
    reversed by trying addresses."""
    return _digest(address, settings.SECRET_KEY) if address else ""


def digests_of(address: str) -> list[str]:
    """Return the digests to search for: under SECRET_KEY, and under each of
    SECRET_KEY_FALLBACKS."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [_digest(address, secret) for secret in secrets]


def masked(address: str) -> str:
    """Return the mask to display; "" for no address."""
    return mask_email(address) if address else ""


def _digest(address: str, secret: str) -> str:
    return keyed_digest(address.strip(), secret=secret, purpose=_PURPOSE)
