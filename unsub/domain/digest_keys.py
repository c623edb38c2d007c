"""Keys for digests: HMAC-SHA256 of what identifies a subscriber, under a key with an id, so that
the key can be rotated."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

LEAST_BYTES = 32
ID_MAX = 16
LENGTH = ID_MAX + 1 + 32  # characters of the longest digest: id, colon, 128 bits in hex
_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{ID_MAX}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestKey:
    """One named key. The id is part of each digest, the secret is not."""

    id: str
    secret: str = field(repr=False)

    @property
    def is_weak(self) -> bool:
        """Whether the secret is shorter than 32 bytes."""
        return len(self.secret.encode()) < LEAST_BYTES

    def digest(self, purpose: str, *parts: str | int | None) -> str:
        """Return `<id>:<hex>`: HMAC-SHA256 of the purpose and the parts, cut to 128 bits (RFC 2104,
        section 5).

        Parts are compared exactly: `ada` and `Ada`, 1 and `1`, None and `` differ. Digests of
        different purposes differ.
        """
        # JSON separates the parts whatever they contain, and can encode lone surrogates.
        message = json.dumps([purpose, *parts]).encode()
        made = hmac.digest(self.secret.encode(), message, "sha256")
        return f"{self.id}:{made[:16].hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestKeyring:
    """All digest keys of a deployment: the first one makes the digests of new rows, the others are
    only used to find older rows."""

    keys: tuple[DigestKey, ...] = ()

    @classmethod
    def from_json(cls, mapping: Mapping[str, object]) -> "DigestKeyring":
        """Return the keyring of the parsed DIGEST_KEYS, in its order. Raises ValueError, which
        contains no key, for another shape."""
        if not isinstance(mapping, Mapping):
            raise ValueError("DIGEST_KEYS must be an object: a name to a key")  # noqa: TRY004 - told with the other mistakes
        return cls(keys=tuple(_read(mapping)))

    @classmethod
    def from_secrets(cls, secrets: Iterable[str]) -> "DigestKeyring":
        """Return a key for each secret (SECRET_KEY and its fallbacks), with an id that is derived
        from the secret and does not reveal it."""
        made = (_derived(secret) for secret in secrets)
        return cls(keys=tuple({key.id: key for key in made}.values()))

    def __bool__(self) -> bool:
        """Return whether there is at least one key."""
        return bool(self.keys)

    def weak_keys(self) -> list[str]:
        """Return the ids of keys under 32 bytes."""
        return [key.id for key in self.keys if key.is_weak]

    def digests(self, purpose: str, *parts: str | int | None) -> tuple[str, ...]:
        """Return the digest under each key, the current one first."""
        return tuple(key.digest(purpose, *parts) for key in self.keys)


def _read(mapping: Mapping[str, object]) -> Iterator[DigestKey]:
    for name, secret in mapping.items():
        if not _ID.fullmatch(name):
            raise ValueError(
                f"DIGEST_KEYS: each name must be 1 to {ID_MAX} letters, digits, - or _"
            )
        if not isinstance(secret, str) or not secret:
            raise ValueError(f"DIGEST_KEYS: the key {name} must be a text")
        yield DigestKey(id=name, secret=secret)


def _derived(secret: str) -> DigestKey:
    key = _subkey(secret, "digests")
    return DigestKey(id=f"s{_subkey(key, 'id')[:8]}", secret=key)


def _subkey(secret: str, name: str) -> str:
    message = f"profile-center {name}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
