"""The id of an HTTP request in every log line about it: from the proxy through the web process and
the wake-up that it sends to the worker's call.

It is random, names nobody and is stored nowhere.
"""

import re
from collections.abc import Mapping
from contextvars import Token
from os import urandom
from typing import Any

from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

HEADER = "X-Request-ID"
# Not `request_id`: in the log that is the number of a row.
FIELD = "http_request_id"
# A UUID with or without its dashes, as proxies make them. Nothing else is taken from outside: it
# could be an address or a token, and would be in every line.
_SHAPE = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

# structlog makes the variable at its first use. Two threads that begin at once would make two, and
# one of them could not reset its own: a visitor of a process that has just started got a 500.
reset_contextvars(**bind_contextvars(**{FIELD: ""}))


def accepted(text: object) -> str:
    """Return an id that came from outside, or "" where it does not have the form of one."""
    return text if isinstance(text, str) and _SHAPE.fullmatch(text) else ""


def new() -> str:
    """Return a new id, in the form of a UUID."""
    return urandom(16).hex()


def current() -> str:
    """Return the id of the request that is handled now, or ""."""
    found: dict[str, Any] = get_contextvars()
    return str(found.get(FIELD, ""))


class bound:  # noqa: N801 - used as a function; a generator would cost twice as much
    """A block whose log lines have an id; none where it is ""."""

    __slots__ = ("_request_id", "_tokens")

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._tokens: Mapping[str, Token[Any]] = {}

    def __enter__(self) -> None:
        if self._request_id:
            self._tokens = bind_contextvars(**{FIELD: self._request_id})

    def __exit__(self, *_error: object) -> None:
        reset_contextvars(**self._tokens)
