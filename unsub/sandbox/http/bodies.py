"""Bodies of HTTP requests: with a length, or in chunks."""

import re
from email.message import Message
from typing import Protocol

# The vendor accepts messages under 5 MB.
LARGEST_BODY = 5 * 1024 * 1024

_LONGEST_LINE = 1024
_MOST_TRAILERS = 20
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;.*)?\r?\n")


class Stream(Protocol):
    """What is read of a connection."""

    def read(self, size: int, /) -> bytes:
        """Return that many bytes, fewer at the end."""

    def readline(self, size: int, /) -> bytes:
        """Return a line with its end, or that many bytes of it."""


class BodyError(Exception):
    """A body that cannot be read; `status` is that of the reply."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read_body(headers: Message, stream: Stream, *, required: bool) -> bytes:
    """Return the body of a request. Raises BodyError: 411 where it has no length and needs one."""
    coding = headers.get("Transfer-Encoding")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise BodyError(501, "Only chunked is a served Transfer-Encoding")
        return _chunks(stream)
    length = headers.get("Content-Length", "" if required else "0")
    if not length.isascii() or not length.isdigit():
        raise BodyError(411, "Content-Length required")
    if int(length) > LARGEST_BODY:
        raise BodyError(413, "Too large")
    return stream.read(int(length))


def _chunks(stream: Stream) -> bytes:
    """Return a chunked body (RFC 9112, 7.1)."""
    body = b""
    while size := _size(stream):
        if len(body) + size > LARGEST_BODY:
            raise BodyError(413, "Too large")
        body += stream.read(size)
        if stream.readline(_LONGEST_LINE).strip():
            raise BodyError(400, "A chunk does not end where it should")
    for _ in range(_MOST_TRAILERS):
        if not stream.readline(_LONGEST_LINE).strip():
            return body
    raise BodyError(400, "Too many trailers")


def _size(stream: Stream) -> int:
    found = _SIZE.fullmatch(stream.readline(_LONGEST_LINE))
    if found is None:
        raise BodyError(400, "A chunk has no size")
    return int(found[1], 16)
