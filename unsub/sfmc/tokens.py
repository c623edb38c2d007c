"""The access token, and where all who share it keep it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token. Times are seconds since 1970; from `renew_at` on a new one is worth
    fetching, at `expires_at` this one is dead."""

    value: str = field(repr=False)
    expires_at: float
    renew_at: float
    soap_url: str


class TokenStore(Protocol):
    """Where the token is shared."""

    def get(self) -> Token | None:
        """Return the token that was fetched last, or None."""

    def put(self, token: Token) -> None:
        """Keep a token for everybody."""

    def lock(self) -> AbstractContextManager[bool]:
        """Give True to the one who is to renew, False to all others meanwhile."""


class MemoryTokenStore:
    """A store for the threads of one process."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._lock = Lock()

    def get(self) -> Token | None:
        """Return the token that was fetched last, or None."""
        return self._token

    def put(self, token: Token) -> None:
        """Keep a token."""
        self._token = token

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Give True to one thread at a time."""
        mine = self._lock.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                self._lock.release()
