"""Keys and hand-made tokens. Uses neither the code under test nor its JOSE library."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from unsub.domain.context import UnsubContext
from unsub.links.tokens import Keyring, LinkError, LinkFault, read_link

SECRET = "any-unit-any-unit-any-unit-any-unit"
OLDER = "older-key-older-key-older-key-older-key"
CHILD = "child-unit-child-unit-child-unit-child"
RING = Keyring.from_json({"*": [SECRET, OLDER], "510002": [CHILD]})
ADA: dict[str, Any] = {"mid": "510001", "sid": "1001"}
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def b64(data: bytes) -> str:
    """Return unpadded base64url."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """Return the bytes of unpadded base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def raw(value: object) -> bytes:
    """Return bytes as they are, text as UTF-8, anything else as JSON."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def jwt(payload: object, *, secret: str = SECRET, header: object = None, alg: str = "HS256") -> str:
    """Return a JWS as AMPscript makes it: the payload copied unchanged."""
    first = {"alg": alg, "typ": "JWT"} if header is None else header
    signing_input = f"{b64(raw(first))}.{b64(raw(payload))}"
    mac = hmac.new(secret.encode(), signing_input.encode(), HASHES.get(alg, hashlib.sha256))
    return f"{signing_input}.{b64(mac.digest())}"


def seal_key(secret: str) -> bytes:
    """Return the encryption key derived from a secret: HKDF-SHA256 (RFC 5869) written out, one
    block."""
    extracted = hmac.new(bytes(32), secret.encode(), hashlib.sha256).digest()
    info = b"profile-center link seal v1\x01"
    return hmac.new(extracted, info, hashlib.sha256).digest()


def sealed(payload: object, *, key: bytes | None = None, header: object = None) -> str:
    """Return a JWE, `dir` with A256GCM."""
    first = b64(raw({"alg": "dir", "enc": "A256GCM"} if header is None else header))
    nonce = bytes(12)
    box = AESGCM(key or seal_key(SECRET)).encrypt(nonce, raw(payload), first.encode())
    return f"{first}..{b64(nonce)}.{b64(box[:-16])}.{b64(box[-16:])}"


def unsealed(token: str, *, secret: str = SECRET) -> dict[str, Any]:
    """Return the claims of a JWE."""
    first, _, nonce, body, tag = token.split(".")
    box = unb64(body) + unb64(tag)
    found = json.loads(AESGCM(seal_key(secret)).decrypt(unb64(nonce), box, first.encode()))
    assert isinstance(found, dict)
    return found


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """Return an RSA key, the same for the same number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str | None = None
) -> str:
    """Return a private key in PEM."""
    locked: KeySerializationEncryption = NoEncryption()
    if password:
        locked = BestAvailableEncryption(password.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


def public_pem(number: int = 0) -> str:
    """Return the public half in PEM."""
    key = rsa_key(number).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rs256(payload: object, number: int = 0) -> str:
    """Return a JWS with RS256."""
    signing_input = f"{b64(raw({'alg': 'RS256', 'typ': 'JWT'}))}.{b64(raw(payload))}"
    signature = rsa_key(number).sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
    return f"{signing_input}.{b64(signature)}"


def read(claims: Mapping[str, Any], default_mid: int | None = None) -> UnsubContext:
    """Return the context of a well-signed link with these claims."""
    return read_link(jwt(claims), keys=RING, default_mid=default_mid)


def fault(token: str, *, keys: Keyring = RING, default_mid: int | None = None) -> LinkFault | None:
    """Return why a link is refused, or None where it is accepted."""
    try:
        read_link(token, keys=keys, default_mid=default_mid)
    except LinkError as err:
        return err.reason
    return None
