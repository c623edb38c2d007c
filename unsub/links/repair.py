"""Repair of tokens that were damaged on their way: wrapped, quoted, escaped again, or extended.

Trying costs nothing: the signature decides, and it covers every character that is kept. So any
damage may be guessed at; nothing but a token that a key signed is ever accepted.
"""

import binascii
import html
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

CANDIDATES_MAX = 8  # tokens tried for one link
TEXT_MAX = 8192  # characters looked at: damage may treble the length
# Characters of base64url (RFC 4648, section 5) and the dots between segments.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]*")
_STRANGE = re.compile(r"[^A-Za-z0-9_.-]+")
_DOTS = re.compile(r"\.+")
# The text of a protected header begins with a brace: base64url of it with `ey`, or `ew` before a
# line break.
_BEGIN = re.compile(r"e[wy][A-Za-z0-9_-]{8}")
# Quoted-printable (RFC 2045, section 6.7): soft line breaks, and octets that tokens consist of.
_SOFT_BREAK = re.compile(r"=[ \t]*(\r\n|\r|\n|=0D=0A|=0A|=0D)", re.IGNORECASE)
_OCTET = re.compile(r"=([2-7][0-9A-F]|0[AD])", re.IGNORECASE)
# Markup that programs put into long words, such as <wbr> and <br/>. Shorter than any token.
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,60}>")
_RSA_SIZES = (342, 512, 683)  # characters of a signature under 2048, 3072 and 4096 bits
_SIZES = {"HS256": (43,), "HS384": (64,), "HS512": (86,), "RS256": _RSA_SIZES}
_NONCE, _MAC = 16, 22  # characters of the nonce and the tag of A256GCM


def candidates(text: str) -> Iterator[str]:
    """Yield the tokens that a link may have carried, the likeliest first: at most CANDIDATES_MAX,
    each once. `text` is what follows `/u/`, percent-decoded once."""
    seen: set[str] = set()
    for guess in _guesses(text[:TEXT_MAX]):
        if guess and guess not in seen:
            seen.add(guess)
            yield guess
        if len(seen) == CANDIDATES_MAX:
            return


def _guesses(text: str) -> Iterator[str]:
    """Yield guesses, in the order in which damage is usual."""
    # Mail clients and Parameter Manager append characters that do not belong to the link.
    yield _begin_of(text).rstrip(".")
    if not _may_be_damaged(text):
        return
    plain = _unescaped(text)
    # Most are the same text: nothing was escaped.
    variants = dict.fromkeys((text, plain, _without_octets(plain), plain.replace("=", "")))
    for variant in variants:
        yield _begin_of(_stripped(variant)).rstrip(".")
        yield from _rebuilt(_stripped(variant))


def _may_be_damaged(text: str) -> bool:
    """Return whether there is a header anywhere: without one, nothing can be repaired. It keeps
    guesses about random text cheap."""
    return bool(_BEGIN.search(_STRANGE.sub("", text)) or "%" in text or "&" in text or "=" in text)


def _begin_of(text: str) -> str:
    """Return the characters of a token at the beginning."""
    found = _TOKEN.match(text)
    return found[0] if found else ""


def _unescaped(text: str) -> str:
    """Return the text percent-decoded up to twice more, with character references resolved and
    without markup."""
    return _TAG.sub("", html.unescape(unquote(unquote(text))))


def _without_octets(text: str) -> str:
    """Return the text after the decoding of quoted-printable."""
    whole = _SOFT_BREAK.sub("", text)
    return _OCTET.sub(lambda found: chr(int(found[1], 16)), whole)


def _stripped(text: str) -> str:
    """Return the characters of a token alone, from the header on. White space, line breaks,
    invisible characters, quotes, brackets and quotation marks of replies are left out."""
    kept = _STRANGE.sub("", text)
    found = _BEGIN.search(kept)
    return kept[found.start() :] if found else ""


def _rebuilt(text: str) -> Iterator[str]:
    """Yield tokens with their dots where they belong and without what follows the signature.

    Header and payload are JSON objects: where each ends shows in what it decodes to.
    """
    flat = text.replace(".", "")
    header, length = _object(flat)
    if header is None:
        return
    if header.get("alg") == "dir":
        yield from _sealed(text, flat, length)
        return
    sizes = _SIZES.get(str(header.get("alg")), ())
    # A payload may end in white space: then its dot alone shows where it ends.
    segments = [part for part in _DOTS.split(text[length:]) if part]
    if text.startswith(flat[:length]) and len(segments) >= 2:
        yield from _signed(flat[:length], segments[0], segments[1], sizes)
    payload, more = _object(flat[length:])
    if payload is not None:
        rest = flat[length + more :]
        yield from _signed(flat[:length], flat[length : length + more], rest, sizes)


def _signed(header: str, payload: str, rest: str, sizes: tuple[int, ...]) -> Iterator[str]:
    """Yield JWSs (RFC 7515, section 7.1) with a signature of each size that `rest` has."""
    for size in sizes:
        if size <= len(rest):
            yield f"{header}.{payload}.{rest[:size]}"


def _sealed(text: str, flat: str, length: int) -> Iterator[str]:
    """Yield JWEs (RFC 7516, section 7.1): header, an empty key, nonce, ciphertext, tag."""
    head, rest = flat[:length], flat[length:]
    segments = [part for part in _DOTS.split(text) if part]
    if len(segments) >= 4 and segments[0] == head:
        _, nonce, ciphertext, tag = segments[:4]
        yield f"{head}..{nonce}.{ciphertext}.{tag[:_MAC]}"
    if len(rest) > _NONCE + _MAC:
        yield f"{head}..{rest[:_NONCE]}.{rest[_NONCE:-_MAC]}.{rest[-_MAC:]}"


def _object(text: str) -> tuple[dict[str, Any] | None, int]:
    """Return the JSON object at the beginning of base64url text, and the number of characters that
    it takes; (None, 0) where there is none."""
    whole = text[: len(text) // 4 * 4] or text
    padded = whole + "A" * (-len(whole) % 4)
    try:
        decoded = urlsafe_b64decode(padded).decode("utf-8", "surrogateescape")
        found, end = json.JSONDecoder().raw_decode(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return None, 0
    octets = len(decoded[:end].encode("utf-8", "surrogateescape"))
    return (found, -(-octets * 4 // 3)) if isinstance(found, dict) else (None, 0)
