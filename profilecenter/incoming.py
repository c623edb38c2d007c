"""One HTTP request while its bytes arrive: whether it is complete, and whether it is too large.

Only the end of the request is looked for. What gunicorn would refuse counts as complete: gunicorn
then parses these bytes, and no others, and refuses it.
"""

import re

LINE_LIMIT = 16 * 1024  # bytes; gunicorn answers 414 to a shorter one already
HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024  # DATA_UPLOAD_MAX_MEMORY_SIZE
UPLOAD_LIMIT = 4 * 1024 * 1024  # a logo in the admin; its form says how large one may be

_LINE = re.compile(rb"[!-~]+ (?P<target>[!-~\x80-\xff]+) HTTP/1\.[01]")
# The white space around a value is not in the pattern: a value with much of it inside would take
# quadratic time, in the loop that receives all requests.
_LENGTH = re.compile(rb"\r\ncontent-length:([^\r\n]*)(?=\r\n)", re.IGNORECASE)
_CODING = re.compile(rb"\r\ntransfer-encoding:([^\r\n]*)(?=\r\n)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-f]{1,8})[ \t]*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_LIVENESS = re.compile(rb"(?:GET|HEAD) /healthz(?:\?[!-~]*)? HTTP/1\.[01]")


class Incoming:
    """The bytes of one request, and of what follows it. `is_complete` becomes true with the last
    byte; `refusal` is the status (413, 431) of a request that is too large, else 0."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_complete = False
        self.refusal = 0
        self.wants_continue = False
        self._line: bytes | None = None
        self._body = 0  # where the body begins; 0 before the end of the head
        self._length: int | None = 0  # of the body; None if it is chunked
        self._searched = 0
        self._chunk = 0  # where the next chunk begins

    def add(self, data: bytes) -> None:
        """Add bytes that were received."""
        self.data += data
        for read in (self._read_line, self._read_head, self._read_body):
            if not (self.is_complete or self.refusal):
                read()

    @property
    def is_liveness(self) -> bool:
        """Whether this asks for /healthz."""
        return bool(self._line and _LIVENESS.fullmatch(self._line))

    @property
    def is_api(self) -> bool:
        """Whether this is a call of the API, whose errors are problems."""
        return self._target.startswith(b"/api/")

    @property
    def _limit(self) -> int:
        return UPLOAD_LIMIT if self._target.startswith(b"/admin/") else BODY_LIMIT

    @property
    def _target(self) -> bytes:
        return (self._line or b"").partition(b" ")[2]

    def _read_line(self) -> None:
        if self._line is not None:
            return
        end = self.data.find(b"\r\n")
        if end >= 0:
            self._line = bytes(self.data[:end])
            self.is_complete = not _LINE.fullmatch(self._line)
        elif len(self.data) > LINE_LIMIT:
            self.is_complete = True

    def _read_head(self) -> None:
        if self._line is None or self._body:
            return
        end = self.data.find(b"\r\n\r\n", max(0, self._searched - 3))
        self._searched = len(self.data)
        if end < 0:
            self.refusal = 431 if len(self.data) > HEAD_LIMIT else 0
            return
        self._body = self._chunk = end + 4
        head = bytes(self.data[len(self._line) : end + 2])
        self.wants_continue = bool(self._line.endswith(b"1.1") and _EXPECT.search(head))
        self._read_framing(_values(_CODING, head), _values(_LENGTH, head))

    def _read_framing(self, codings: list[bytes], lengths: list[bytes]) -> None:
        """Note the length of the body."""
        if codings:
            self._length = None
            # Of anything else, and of both headers, the end cannot be known (RFC 9112, 6.3).
            self.is_complete = codings[-1].lower().split(b",")[-1].strip() != b"chunked"
            self.is_complete |= bool(lengths)
        elif lengths:
            self.is_complete = len(lengths) > 1 or not lengths[0].isdigit()
            # As many digits as a limit needs; int refuses thousands of them.
            self._length = int(lengths[0][-20:]) if not self.is_complete else 0
            self.refusal = 413 if len(lengths[0]) > 20 or self._length > self._limit else 0

    def _read_body(self) -> None:
        if not self._body:
            return
        if self._length is None:
            self._read_chunks()
        else:
            self.is_complete = len(self.data) - self._body >= self._length

    def _read_chunks(self) -> None:
        """Go to the last chunk that has begun."""
        while (end := self.data.find(b"\r\n", self._chunk)) >= 0:
            size = _CHUNK.fullmatch(self.data[self._chunk : end])
            if not size:
                self.is_complete = True
                return
            length = int(size[1], 16)
            if not length:
                # The trailer ends with an empty line; without one, the two ends of lines meet.
                self.is_complete = self.data.find(b"\r\n\r\n", end) >= 0
                break
            self._chunk = end + 2 + length + 2
            if self._chunk > len(self.data):
                break
        end_so_far = max(self._chunk, len(self.data))
        if not self.is_complete and end_so_far - self._body > 2 * self._limit:
            self.refusal = 413  # the lines between the chunks count, too


def _values(header: re.Pattern[bytes], head: bytes) -> list[bytes]:
    """Return the values of a header, without the white space around them."""
    return [value.strip(b" \t") for value in header.findall(head)]
