"""Keys of the API: making, finding and revoking them.

A key is `pck_` and 256 random bits. The database has its SHA-256, so a copy of the database opens
nothing, and 16 characters by which people recognise it.
"""

import contextlib
import hashlib
import re
import secrets
import time
from datetime import timedelta

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from unsub.infra.database_timeout import fail_fast
from unsub.models import ApiKey

log = structlog.get_logger(__name__)

MARK = "pck_"
PREFIX_LENGTH = 12
VALID_FOR = timedelta(days=365)
_FORM = re.compile(rf"{MARK}[A-Za-z0-9_-]{{43}}")
USED_AGAIN = timedelta(minutes=1)
# While the database does not answer, a key counts that it confirmed to this process so lately.
KNOWN_FOR = 15 * 60  # seconds
_KNOWN_MAX = 256
_known: dict[str, tuple[float, ApiKey]] = {}


def issue(key: ApiKey, user: User) -> str:
    """Store a new key for what `key` says, and return its text, which nothing keeps."""
    text = MARK + secrets.token_urlsafe(32)
    key.prefix, key.key_digest = text[:PREFIX_LENGTH], _digest(text)
    key.made_by = user
    key.save()
    log.info("api_key_made", user=user.pk, api_key=key.pk, mid=key.unit_id)
    return text


def find(text: str, *, or_known: bool = False) -> ApiKey | None:
    """Return the valid key with this text, or None. While the database does not answer, and where
    `or_known`, one that was found a short while ago: only for what goes into the spool then, not
    for what reads, which a key that was revoked since must not. Raises DatabaseError and
    InterfaceError."""
    if not _FORM.fullmatch(text):
        return None
    digest = _digest(text)
    try:
        with fail_fast():
            key = ApiKey.objects.filter(key_digest=digest).first()
    except (DatabaseError, InterfaceError):
        at, key = _known.get(digest, (0.0, None))
        if not or_known or key is None or time.monotonic() - at > KNOWN_FOR:
            raise
    else:
        _remember(digest, key)
    return key if key is not None and key.is_valid(timezone.now()) else None


def note_use(key: ApiKey) -> None:
    """Store that the key was used, unless that was done within the last minute. Nothing happens
    where the database takes no writes."""
    if key.used_at and timezone.now() - key.used_at < USED_AGAIN:
        return
    again = Q(used_at=None) | Q(used_at__lt=Now() - USED_AGAIN)
    with contextlib.suppress(DatabaseError, InterfaceError), fail_fast():
        ApiKey.objects.filter(again, pk=key.pk).update(used_at=Now())


def revoke(user: User, key: ApiKey) -> bool:
    """Revoke a key. Return whether it was not revoked before. It counts at once in all processes
    that reach the database."""
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        return False
    LogEntry.objects.log_actions(user.pk, [key], CHANGE, "Revoked.")
    log.info("api_key_revoked", user=user.pk, api_key=key.pk, mid=key.unit_id)
    return True


def forget_known() -> None:
    """Forget the keys that were found."""
    _known.clear()


def _remember(digest: str, key: ApiKey | None) -> None:
    if key is None:
        _known.pop(digest, None)
        return
    if len(_known) >= _KNOWN_MAX:
        _known.clear()
    _known[digest] = time.monotonic(), key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
