"""Masks and keyed digests: show and find a person without storing or printing who it is."""

import hashlib
import hmac
import re
import unicodedata

from .context import SubscriberContext

_DOTS = "•••"
_MAILBOX = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_WORD = r"[^\s@<>\"'(),:;=\[\]]"
# Anchored at the start of a word: else a long line without an address takes quadratic time.
_ADDRESS = re.compile(rf"(?<!{_WORD}){_WORD}+(?:@|%40){_WORD}+")


def mask_email(address: str) -> str:
    """Return the address so that its owner recognises it and others cannot use it:
    `a•••@example.com`.

    The domain stays: it tells people which of their addresses is meant, and for large providers it
    identifies nobody.
    """
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}{_DOTS}{at}{domain}"


def is_address(text: str) -> bool:
    """Return whether a text is exactly one email address."""
    return _MAILBOX.fullmatch(text) is not None


def mask_key(key: str) -> str:
    """Return a masked SubscriberKey: masked as an address where it is one, else its last characters
    (at most 4, and at most a third of the key)."""
    if _MAILBOX.fullmatch(key):
        return mask_email(key)
    return f"{_DOTS}{key[-min(4, len(key) // 3) :] if len(key) >= 3 else ''}"


def mask(subscriber: SubscriberContext) -> str:
    """Return the masked identifier of a subscriber: the address, else the key, else the ID."""
    if subscriber.email_address:
        return mask_email(subscriber.email_address)
    if subscriber.subscriber_key:
        return mask_key(subscriber.subscriber_key)
    return mask_key(str(subscriber.subscriber_id))


def keyed_digest(value: str, *, secret: str, purpose: str) -> str:
    """Return HMAC-SHA256 (hex) of a value in NFC and case-folded. Digests of different purposes
    differ.

    Without the secret, digests cannot be reversed by trying addresses.
    """
    text = unicodedata.normalize("NFC", value).casefold()
    return exact_digest(text, secret=secret, purpose=purpose)


def exact_digest(value: str, *, secret: str, purpose: str) -> str:
    """Return HMAC-SHA256 (hex) of a value as it is: `ada` and `Ada` differ."""
    key = f"{purpose}\x00{secret}".encode()
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def scrub(text: str) -> str:
    """Return the text with whatever looks like an e-mail address taken out."""
    return _ADDRESS.sub("[address]", text)
