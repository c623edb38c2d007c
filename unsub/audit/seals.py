"""The digest of a seal, and a seal as a line for a third party."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from unsub.infra import digests
from unsub.models import AuditSeal

_PURPOSE = b"profile-center audit seal"


class UnknownKeyError(LookupError):
    """A seal was made with a key that is no longer in DIGEST_KEYS."""


def digest(seal: AuditSeal) -> str:
    """Return the digest of everything in a seal, with the one before it: HMAC-SHA256, so that who
    can write to the database alone cannot make the chain anew. Raises UnknownKeyError."""
    for key in digests.keyring().keys:
        if key.id == seal.key:
            own = hmac.digest(key.secret.encode(), _PURPOSE, "sha256")
            message = json.dumps(_content(seal), sort_keys=True).encode()
            return hmac.new(own, message, hashlib.sha256).hexdigest()
    raise UnknownKeyError(seal.key)


def current_key() -> str:
    """Return the id of the key that makes new seals."""
    return digests.keyring().keys[0].id


def as_line(seal: AuditSeal) -> dict[str, Any]:
    """Return what a third party keeps of a seal. It names nobody, and no row can be made of it."""
    return _content(seal) | {"digest": seal.digest}


def _content(seal: AuditSeal) -> dict[str, Any]:
    rows = hashlib.sha256()
    for part in (seal.ids, seal.final, seal.personal):
        # Each part by its own digest: bytes cannot move from one to the next.
        rows.update(hashlib.sha256(bytes(part)).digest())
    return {
        "number": seal.number, "table": seal.table, "rows": seal.rows, "first_id": seal.first_id,
        "last_id": seal.last_id, "content": rows.hexdigest(), "key": seal.key,
        "previous": seal.previous, "sealed_at": _time(seal.sealed_at),
    }  # fmt: skip


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
