"""The links in emails about a waiting or changed request: what they are for, and the request's id.

A link proves only that its holder received an email at the address that it was sent to, so the page
may show no more than that. The links to confirm and to agree contain no personal data. The link
that undoes a change of address carries the former address, which is stored nowhere else: it is
encrypted, and goes to that address alone.
"""

import json
import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core import signing
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

VALID_FOR = timedelta(days=7)
_TOKEN = re.compile(r"[A-Za-z0-9_:.-]*")
_SALTS = {"confirm": "unsub.confirm", "consent": "unsub.consent"}
_HEADER = {"alg": "dir", "enc": "A256GCM"}
_RULES = jwe.JWERegistry(algorithms=["dir", "A256GCM"])


class LinkPurpose(StrEnum):
    """What pressing the button behind a link does."""

    CONFIRM = "confirm"  # the request is carried out
    CONSENT = "consent"  # the new address is asked to confirm
    UNDO = "undo"  # the former address is restored


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationLink:
    """What a link says. `former` is the former address, of a link that undoes."""

    purpose: LinkPurpose
    request_id: int
    former: str = field(default="", repr=False)


class NotConfirmedError(Exception):
    """The link is truncated, has no valid signature, or is too old."""


def token_of(request_id: int) -> str:
    """Return the token that confirms a request, valid for VALID_FOR."""
    return signing.dumps(request_id, salt=_SALTS[LinkPurpose.CONFIRM])


def consent_token(request_id: int) -> str:
    """Return the token by which the address on file agrees to a change of address, valid for
    VALID_FOR."""
    return signing.dumps(request_id, salt=_SALTS[LinkPurpose.CONSENT])


def undo_token(request_id: int, *, former: str, days: int) -> str:
    """Return the token that undoes a change of address and restores `former`, valid for `days`."""
    until = int(time.time()) + days * 86_400
    payload = json.dumps([request_id, former, until])
    return jwe.encrypt_compact(_HEADER, payload, _key(settings.SECRET_KEY), registry=_RULES)


def read(token: str) -> ConfirmationLink:
    """Return what a token says. Raises NotConfirmedError."""
    # Email programs may append a full stop or a bracket that is not part of the link.
    found = _TOKEN.match(token)
    whole = found[0].rstrip(".") if found else ""
    if whole.count(".") == 4:
        return _read_undo(whole)
    whole = whole.partition(".")[0]
    for purpose in (LinkPurpose.CONFIRM, LinkPurpose.CONSENT):
        try:
            number = signing.loads(whole, salt=_SALTS[purpose], max_age=VALID_FOR)
        except signing.BadSignature:
            continue
        if isinstance(number, int):
            return ConfirmationLink(purpose=purpose, request_id=number)
    raise NotConfirmedError


def _read_undo(token: str) -> ConfirmationLink:
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            opened = jwe.decrypt_compact(token, _key(secret), registry=_RULES).plaintext or b""
            number, former, until = json.loads(opened)
        except (JoseError, ValueError, TypeError):
            continue
        if time.time() < until:
            return ConfirmationLink(purpose=LinkPurpose.UNDO, request_id=number, former=former)
    raise NotConfirmedError


@lru_cache(maxsize=4)
def _key(secret: str) -> OctKey:
    """Return the key to encrypt with, derived with HKDF (RFC 5869), so that nothing else uses
    it."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"profile-center undo address v1")
    return OctKey.import_key(hkdf.derive(secret.encode()))
