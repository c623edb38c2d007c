"""E-mail addresses as the audit keeps them: a mask to show, a keyed digest to find them by."""

from django.conf import settings

from .privacy import keyed_digest, mask_email

_PURPOSE = "address"


def digest_of(address: str) -> str:
    """Return the digest to keep; empty for no address. Nobody without SECRET_KEY can find out by
    trying whose it is."""
    return _digest(address, settings.SECRET_KEY) if address else ""


def digests_of(address: str) -> list[str]:
    """Return the digests to look for: the current one, and those of former keys."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [_digest(address, secret) for secret in secrets]


def masked(address: str) -> str:
    """Return the mask to show; empty for no address."""
    return mask_email(address) if address else ""


def _digest(address: str, secret: str) -> str:
    """Return the digest of an address under a key."""
    return keyed_digest(address.strip(), secret=secret, purpose=_PURPOSE)
