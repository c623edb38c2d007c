"""Access token shared by all processes through the cache (Redis).

Marketing Cloud asks for at most one token request per 20 minutes and client machine, so a new
process reuses the shared token. Without Redis each process keeps its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis
import structlog
from django.core.cache import caches

from unsub.sfmc import MemoryTokenStore, Token

log = structlog.get_logger(__name__)
_shared = caches["shared"]

# Longer than a renewal usually takes, and shorter than anybody waits for one: a process killed
# during a renewal stops nobody for long. Where a renewal takes longer, another process fetches a
# second token, which is harmless.
LOCK_SECONDS = 10
READ_SECONDS = 1.0  # a message needs a token, and reading it takes a query and a decryption
_FIELDS = ("value", "expires_at", "renew_at", "soap_url")


class CachedTokenStore:
    """A token store for one set of credentials. `name` is a digest, not a secret."""

    def __init__(self, name: str) -> None:
        self._key = f"sfmc-token:{name}"
        self._lock_key = f"sfmc-token-renewal:{name}"
        self._own = MemoryTokenStore()
        # What `get` has read, and until when it need not be read again.
        self._read: tuple[float, Token] | None = None

    def get(self) -> Token | None:
        """Return the token that any process fetched last, as of READ_SECONDS ago; or None. It may
        have expired."""
        known = self._read
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        try:
            shared = _shared.get(self._key)
        except redis.RedisError as err:
            log.warning("token_cache_unavailable", error=type(err).__name__)
            return self._own.get()
        if not shared:
            return self._own.get()
        try:
            # Of another version: one that has more fields, or lacks one.
            token = Token(**{name: shared[name] for name in _FIELDS})
        except (KeyError, TypeError):
            return self._own.get()
        self._read = time.monotonic() + READ_SECONDS, token
        return token

    def put(self, token: Token) -> None:
        """Store a token here and for all processes. The shared copy is dropped after one hour."""
        self._own.put(token)
        self._read = None
        fields = {name: getattr(token, name) for name in _FIELDS}
        try:
            _shared.set(self._key, fields, timeout=3600)
        except redis.RedisError as err:
            log.warning("token_cache_unavailable", error=type(err).__name__)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Yield True to the one process that may renew, False to the others. The lock expires after
        LOCK_SECONDS. Yields True where Redis does not answer. What `get` returns next was read
        after it was called."""
        self._read = None
        mark = uuid4().hex
        try:
            mine = _shared.add(self._lock_key, mark, timeout=LOCK_SECONDS)
        except redis.RedisError:
            # Without the shared cache each process renews its own token.
            yield True
            return
        try:
            yield mine
        finally:
            if mine:
                self._unlock(mark)

    def _unlock(self, mark: str) -> None:
        """Release the lock if this process still holds it."""
        try:
            if _shared.get(self._lock_key) == mark:
                _shared.delete(self._lock_key)
        except redis.RedisError as err:
            log.warning("token_lock_release_failed", error=type(err).__name__)
