"""Encryption of what is stored in Redis, with keys derived from the digest keys.

Redis writes every value to a file that outlives the value, so personal data must not be there in
clear. A sealed value cannot be forged either: only what this deployment sealed is read.
"""

import base64
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from . import digests


class SealError(ValueError):
    """A value was not sealed for this purpose with any of the keys in use."""


def seal(purpose: str, data: bytes) -> bytes:
    """Return the data encrypted with the current key (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _box(purpose, _secrets()).encrypt(data)


def unseal(purpose: str, sealed: bytes) -> bytes:
    """Return the data that was sealed for this purpose under any key in use. Raises SealError."""
    try:
        return _box(purpose, _secrets()).decrypt(sealed)
    except InvalidToken:
        raise SealError("not sealed with a key that is in use") from None


def _secrets() -> tuple[str, ...]:
    # The digest keys, not SECRET_KEY: they change in two steps, so that every process can read what
    # another one sealed, also during a restart.
    return tuple(key.secret for key in digests.keyring().keys)


@lru_cache(maxsize=16)
def _box(purpose: str, secrets: tuple[str, ...]) -> MultiFernet:
    message = f"profile-center seal {purpose}".encode()
    keys = (hmac.digest(secret.encode(), message, "sha256") for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
