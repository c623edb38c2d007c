"""Masks: show a person without printing who it is."""

import re

from .context import SubscriberContext

_DOTS = "•••"
_MAILBOX = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_WORD = r"[^\s@<>\"'(),:;=\[\]]"
# Behind the @ a backslash begins an escaped character of JSON or repr. That of a letter belongs to
# the address; that of a quotation mark has to stay, or the line is no JSON any more.
_DOMAIN = r"(?:[^\s@<>\"'(),:;=\[\]\\]|\\{1,2}[xuU][0-9A-Fa-f]{2,8})"
# Anchored at the start of a word: else a long line without an address takes quadratic time.
_ADDRESS = rf"(?<!{_WORD}){_WORD}+(?:@|%40){_DOMAIN}+"
# The name that a Celery worker has by itself: which of four workers is missing has to be seen. A
# host name with a dot in it would make it an e-mail address like any other.
_NODE = rf"(?<!{_WORD})celery@[A-Za-z0-9-]{{1,63}}(?=\.?(?:[\s<>\"'(),:;=\[\]]|$))"
# User and password of a URL; the host behind them says which server does not answer. Both are
# struck out, and only where there is a colon between them: `https://ada@example.com` is an address.
_HOST = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?![\w.@%+-])"
_CREDENTIALS = rf"(?<=://)[^\s/\"'<>@:]*:[^\s/\"'<>]*@(?={_HOST})"
# A compact JWS or JWE, cut off or with its dots encoded: base64url of `{"` is `eyJ`, and the
# payload of a signed link is a person in clear.
_DOT = r"(?:\.|[%=]2[Ee])"
_BASE64 = r"[A-Za-z0-9_-]"
_JOSE = rf"eyJ{_BASE64}{{8,}}(?:{_DOT}{_BASE64}*)*"
# The same with any header, also one with white space in its JSON, or of which the beginning was
# cut off: the signature of a JWS has 43 characters or more; a JWE has five parts, with a nonce of
# 16 characters and a tag of 22. Names of Python modules are not that long.
_SIGNED = rf"(?<!{_BASE64}){_BASE64}{{4,}}{_DOT}{_BASE64}{{8,}}{_DOT}{_BASE64}{{43,}}"
_SEALED = (
    rf"(?<!{_BASE64}){_BASE64}{{4,}}{_DOT}{_BASE64}*{_DOT}{_BASE64}{{16}}"
    rf"{_DOT}{_BASE64}+{_DOT}{_BASE64}{{22}}"
)
# A key of the API (unsub/accounts/api_keys.py), whole or cut off.
_API_KEY = rf"pck_{_BASE64}{{8,}}"
_SCRUBBED = re.compile(
    rf"(?P<token>{_JOSE}|{_SIGNED}|{_SEALED}|{_API_KEY})|(?P<credentials>{_CREDENTIALS})"
    rf"|(?P<node>{_NODE})|{_ADDRESS}"
)


def mask_email(address: str) -> str:
    """Return the address so that its owner recognises it and others cannot use it:
    `a•••@example.com`.

    The domain stays: it tells people which of their addresses is meant, and for large providers it
    identifies nobody.
    """
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}{_DOTS}{at}{domain}"


def address_mask(address: str) -> str:
    """Return the mask to store beside an address, or "" for no address."""
    return mask_email(address) if address else ""


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


def scrub(text: str) -> str:
    """Return the text with whatever looks like an e-mail address, a link's token or the credentials
    of a URL taken out.

    Names of Celery's nodes (`celery@host`, the host without a dot) and the hosts of URLs stay.
    """
    return _SCRUBBED.sub(_scrubbed, text)


def _scrubbed(found: re.Match[str]) -> str:
    if found.lastgroup == "node":
        return found[0]
    return {"token": "[token]", "credentials": "**@"}.get(found.lastgroup or "", "[address]")
