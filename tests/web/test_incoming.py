"""When a request is complete, byte by byte, compared with gunicorn's own parser."""

from itertools import pairwise

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from profilecenter.incoming import BODY_LIMIT, UPLOAD_LIMIT, Incoming

HEAD = b"POST /u/x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = {
    "no body": b"GET /u/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "no headers": b"GET /u/x HTTP/1.0\r\n\r\n",
    "a length": HEAD + b"content-LENGTH:\t5 \r\n\r\nab\r\nc",
    "a length of 0": HEAD + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"5\r\nab\r\nc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    "no chunk": CHUNKED + b"0\r\n\r\n",
    "what looks like the end": CHUNKED + b"8\r\na\r\n0\r\n\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    "a trailer": CHUNKED + b"1\r\na\r\n0\r\nX-More: a\r\nX-Less: b\r\n\r\n",
    "two codings": HEAD + b"Transfer-Encoding: gzip, Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
}


def received(*pieces: bytes) -> Incoming:
    """Return a request of which these pieces have arrived."""
    request = Incoming()
    for piece in pieces:
        request.add(piece)
    return request


class CutShortError(Exception):
    """gunicorn reads on."""


def gunicorn_reads(data: bytes) -> bool:
    """Return whether gunicorn parses the request and its body without reading on behind it."""

    def pieces() -> object:
        yield data
        raise CutShortError

    try:
        message = next(RequestParser(Config(), pieces(), ("127.0.0.1", 1)))
        message.body.read()
    except CutShortError:
        return False
    return True


@pytest.mark.parametrize("name", WHOLE)
def test_a_request_is_complete_with_its_last_byte_as_for_gunicorn(name: str) -> None:
    whole = WHOLE[name]
    for end in range(1, len(whole)):
        request = received(whole[:end])
        assert (request.is_complete, request.refusal) == (False, 0), whole[:end]
        assert not gunicorn_reads(whole[:end])
    assert received(whole).is_complete
    assert received(*(bytes([byte]) for byte in whole)).is_complete
    assert gunicorn_reads(whole)
    assert received(whole + WHOLE["no body"]).is_complete


@pytest.mark.parametrize(
    "start",
    [
        b"GET /u/x\r\n",
        b"\x16\x03\x01\r\n",
        b"GET /u/a b HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"\r\n",
        b"G" * 20_000,
        HEAD + b"Content-Length: 5, 5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        CHUNKED + b"xyz\r\n",
        CHUNKED + b"-1\r\n",
    ],
)
def test_what_gunicorn_refuses_is_given_to_it_at_once(start: bytes) -> None:
    request = received(start)
    assert (request.is_complete, request.refusal) == (True, 0)


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (HEAD + b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), 413),
        (HEAD + b"Content-Length: %s\r\n\r\n" % (b"9" * 9000), 413),
        (CHUNKED + b"%x\r\n" % (3 * BODY_LIMIT), 413),
        (CHUNKED + b"1;" + b"a" * 3 * BODY_LIMIT, 413),
        (CHUNKED + b"1\r\na\r\n" * 2 * BODY_LIMIT, 413),
        (CHUNKED + b"0\r\n" + b"X: a\r\n" * BODY_LIMIT, 413),
        (HEAD + b"X: a\r\n" * BODY_LIMIT, 431),
        (HEAD + b"Content-Length: %d\r\n\r\n" % BODY_LIMIT, 0),
        (HEAD.replace(b"/u/x", b"/admin/x") + b"Content-Length: %d\r\n\r\n" % UPLOAD_LIMIT, 0),
        (HEAD.replace(b"/u/x", b"/admin/x") + b"Content-Length: 9999999\r\n\r\n", 413),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_received(start: bytes, status: int) -> None:
    request = received(start)
    assert (request.is_complete, request.refusal) == (False, status)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"GET /healthz HTTP/1.1", True),
        (b"HEAD /healthz?a=b HTTP/1.0", True),
        (b"POST /healthz HTTP/1.1", False),
        (b"GET /healthz/ HTTP/1.1", False),
        (b"GET /u/healthz HTTP/1.1", False),
    ],
)
def test_only_healthz_is_answered_without_a_thread(line: bytes, found: bool) -> None:
    assert received(line + b"\r\n\r\n").is_liveness is found


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(0, 200), max_size=6), st.binary())
def test_how_a_request_is_cut_into_packets_makes_no_difference(
    name: str, cuts: list[int], more: bytes
) -> None:
    whole = WHOLE[name] + more
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[start:end] for start, end in pairwise(ends)]
    assert received(*pieces).is_complete
    assert bytes(received(*pieces).data) == whole


@pytest.mark.parametrize("name", [b"Content-Length", b"Transfer-Encoding"])
def test_white_space_inside_a_value_takes_no_more_time_than_letters(name: bytes) -> None:
    """The head is larger than any that is received: in quadratic time this takes hours."""
    assert received(HEAD + name + b": a" + b" " * 2**22 + b"b\r\n\r\n").is_complete
