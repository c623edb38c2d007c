"""Masks and digests: how a person is shown and found again without being named. Pure."""

import hashlib
import hmac
import re
import unicodedata

from .context import SubscriberContext

_DOTS = "•••"
_MAILBOX = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_WORD = r"[^\s@<>\"'(),:;=\[\]]"
# Looks for the start of a word first: else a long line without any address takes quadratic time.
_ADDRESS = re.compile(rf"(?<!{_WORD}){_WORD}+(?:@|%40){_WORD}+")


def mask_email(address: str) -> str:
    """Return the address as its owner knows it and a stranger cannot use it: `a•••@example.com`.

    The domain stays: it is what tells a person which of their addresses is meant, and for the
    large providers it says nothing about them.
    """
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}{_DOTS}{at}{domain}"


def is_address(text: str) -> bool:
    """Return whether a text is an e-mail address and nothing else."""
    return _MAILBOX.fullmatch(text) is not None


def mask_key(key: str) -> str:
    """Return a SubscriberKey masked: as an address where it is one, else its last characters."""
    if _MAILBOX.fullmatch(key):
        return mask_email(key)
    return f"{_DOTS}{key[-min(4, len(key) // 3) :] if len(key) >= 3 else ''}"


def mask(subscriber: SubscriberContext) -> str:
    """Return the masked name of a person: the address, else the key, else the id."""
    if subscriber.email_address:
        return mask_email(subscriber.email_address)
    if subscriber.subscriber_key:
        return mask_key(subscriber.subscriber_key)
    return mask_key(str(subscriber.subscriber_id))


def keyed_digest(value: str, *, secret: str, purpose: str) -> str:
    """Return the hex HMAC-SHA256 of a value, in NFC and without case, for one purpose only.

    Without the secret nobody can find out by trying which address a digest stands for.
    """
    text = unicodedata.normalize("NFC", value).casefold()
    return exact_digest(text, secret=secret, purpose=purpose)


def exact_digest(value: str, *, secret: str, purpose: str) -> str:
    """Return the hex HMAC-SHA256 of a value to the letter: `ada` is another than `Ada`."""
    key = f"{purpose}\x00{secret}".encode()
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def scrub(text: str) -> str:
    """Return the text with whatever looks like an e-mail address taken out."""
    return _ADDRESS.sub("[address]", text)
