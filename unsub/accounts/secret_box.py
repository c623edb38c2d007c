"""Encryption of small secrets in the database, with a key derived from SECRET_KEY."""

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_PURPOSE = b"profilecenter second factor"


def seal(text: str) -> str:
    """Return the text encrypted with a key derived from SECRET_KEY (Fernet: AES-128-CBC and
    HMAC-SHA256)."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the decrypted text. Raises ValueError where neither SECRET_KEY nor a fallback
    encrypted it."""
    try:
        return _box().decrypt(sealed).decode()
    except InvalidToken:
        raise ValueError("sealed with another SECRET_KEY") from None


def _box() -> MultiFernet:
    """Return the cipher: encrypts with the current key, decrypts with the former ones, too."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
