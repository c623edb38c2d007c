"""The access token, and the interface of the store that shares it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token. Times are seconds since 1970. It should be renewed from `renew_at` on and is
    invalid from `expires_at` on."""

    value: str = field(repr=False)
    expires_at: float
    renew_at: float
    soap_url: str


class TokenStore(Protocol):
    """Shared storage for the token."""

    def get(self) -> Token | None:
        """Return the token that was stored last, or None."""

    def put(self, token: Token) -> None:
        """Store a token for everyone who shares the store."""

    def lock(self) -> AbstractContextManager[bool]:
        """Yield True to the one caller that may renew, False to all others meanwhile."""


class MemoryTokenStore:
    """A store for the threads of one process."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._lock = Lock()

    def get(self) -> Token | None:
        """Return the token that was stored last, or None."""
        return self._token

    def put(self, token: Token) -> None:
        self._token = token

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Yield True to one thread at a time, False to the others."""
        mine = self._lock.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                self._lock.release()
