"""Small secrets in the database, sealed with a key that is not in it."""

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_PURPOSE = b"profilecenter second factor"


def seal(text: str) -> str:
    """Return the text sealed with the key of SECRET_KEY (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text. Raises ValueError where neither SECRET_KEY nor a fallback sealed it."""
    try:
        return _box().decrypt(sealed).decode()
    except InvalidToken:
        raise ValueError("sealed with another SECRET_KEY") from None


def _box() -> MultiFernet:
    """Return the box: sealed by the current key, opened by the former ones, too."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
