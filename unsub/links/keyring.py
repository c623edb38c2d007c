"""Keys that sign links: which business unit each one speaks for, and their rotation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey

ANY_UNIT = "*"
LEAST_BYTES = 32
HMACS = ("HS256", "HS384", "HS512")
RSA = ("RS256",)
# Without leading zeros, as MIDs are written: a key listed under "0510001" would never match.
_MID = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """One key of LINK_KEYS: an HMAC secret, used as its UTF-8 bytes as Marketing Cloud does, or an
    RSA key in PEM. `owner` is a MID or `*`, `position` the index in that owner's list."""

    owner: str
    position: int
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        """The key's position in LINK_KEYS, for messages: `510001[0]`."""
        return f"{self.owner}[{self.position}]"

    @property
    def is_pem(self) -> bool:
        """Whether this is an RSA key. Such a key must never be used as an HMAC secret."""
        return "-----BEGIN " in self.text

    @property
    def can_sign(self) -> bool:
        """Whether this key can sign; an RSA public key only verifies."""
        return not self.is_pem or "PRIVATE KEY-----" in self.text

    @property
    def is_weak(self) -> bool:
        """Whether the secret is shorter than the 32 bytes that HS256 requires (RFC 7518 section
        3.2)."""
        return not self.is_pem and len(self.text.encode()) < LEAST_BYTES

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The JWS algorithms that this key may be used with."""
        return RSA if self.is_pem else HMACS

    def signing_key(self) -> OctKey | RSAKey:
        """Return the key for JWS. Raises ValueError for a PEM that is not an RSA key."""
        return _imported(self)

    def sealing_key(self) -> OctKey:
        """Return the 32-byte key for JWE, derived with HKDF (RFC 5869) so that signing and
        encryption do not share a key. Raises ValueError for an RSA key."""
        if self.is_pem:
            raise ValueError("an RSA key cannot seal links")
        return _derived(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """All link keys of a deployment, in the order of LINK_KEYS. The first key of an owner signs,
    all of them verify."""

    keys: tuple[LinkKey, ...] = ()

    @classmethod
    def from_json(cls, mapping: Mapping[str, object]) -> "Keyring":
        """Return the keyring of the parsed LINK_KEYS. Raises ValueError, which contains no key, for
        another shape."""
        if not isinstance(mapping, Mapping):
            raise ValueError("LINK_KEYS must be an object: a MID or * to a list of keys")  # noqa: TRY004 - told with the other mistakes
        return cls(keys=tuple(_read(mapping)))

    def __bool__(self) -> bool:
        """Return whether there is at least one key."""
        return bool(self.keys)

    def weak_keys(self) -> list[str]:
        """Return the names of keys under 32 bytes."""
        return [key.name for key in self.keys if key.is_weak]

    def has_key(self, mid: int) -> bool:
        """Return whether there is a key for the links of a unit: one of its own, or of `*`."""
        return any(key.owner in (str(mid), ANY_UNIT) for key in self.keys)

    def can_seal(self, mid: int) -> bool:
        """Return whether a key seals links for a unit: an HMAC key of its own, or of `*`."""
        owners = (str(mid), ANY_UNIT)
        return any(key.owner in owners and not key.is_pem for key in self.keys)

    def signer(self, mid: int, *, algorithm: str) -> LinkKey:
        """Return the key that signs for a unit: its own first, else the first of `*`. Raises
        ValueError where no key fits the algorithm."""
        for owner in (str(mid), ANY_UNIT):
            for key in self.keys:
                if key.owner == owner and algorithm in key.algorithms and key.can_sign:
                    return key
        raise ValueError("no key in LINK_KEYS can sign for this business unit")


# Importing an RSA private key takes about 30 ms, far longer than reading a link: cached.
@cache
def _imported(key: LinkKey) -> OctKey | RSAKey:
    return RSAKey.import_key(key.text) if key.is_pem else OctKey.import_key(key.text)


@cache
def _derived(key: LinkKey) -> OctKey:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"profile-center link seal v1")
    return OctKey.import_key(hkdf.derive(key.text.encode()))


def _read(mapping: Mapping[str, object]) -> Iterator[LinkKey]:
    """Yield the keys of LINK_KEYS in order. Imports each one, so that a bad key fails at start."""
    for owner, texts in mapping.items():
        if owner != ANY_UNIT and not _MID.fullmatch(owner):
            raise ValueError("LINK_KEYS: each name must be a MID or *")
        if not isinstance(texts, list) or not all(isinstance(t, str) and t for t in texts):
            raise ValueError("LINK_KEYS: each value must be a list of keys")
        for position, text in enumerate(texts):
            key = LinkKey(owner=owner, position=position, text=text)
            try:
                key.signing_key()
            except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
                raise ValueError(f"LINK_KEYS: {key.name} is no usable key") from None
            yield key
