"""HTTP by hand: requests that stop in the middle, and connections that are kept open."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

Connect = Callable[[], socket.socket]
FORM = b"List-Unsubscribe=One-Click"


def request(
    path: str, *headers: str, method: str = "GET", host: str = "mail.example.com", body: bytes = b""
) -> bytes:
    """Return a request after which the connection ends."""
    length = [f"Content-Length: {len(body)}"] if method == "POST" else []
    head = (f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *length, *headers)
    return "\r\n".join((*head, "", "")).encode("latin-1") + body


def one_click(path: str, *headers: str, host: str = "mail.example.com") -> bytes:
    """Return the POST of RFC 8058."""
    kind = "Content-Type: application/x-www-form-urlencoded"
    return request(path, kind, *headers, method="POST", host=host, body=FORM)


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and text of the response, read to the end of the connection; status 0 if there
    was none."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except (ConnectionResetError, ssl.SSLError):
        pass
    words = received.split(b" ", 2)
    return (int(words[1]) if received.startswith(b"HTTP/") else 0), received


def ask(connect: Connect, data: bytes) -> tuple[int, bytes]:
    """Return status and text of the response to a request on a connection of its own."""
    with connect() as connection:
        # Whoever refuses it may answer, and close, before all of it was sent.
        with suppress(ConnectionError, ssl.SSLError):
            connection.sendall(data)
        return answer(connection)


def half_sent(path: str) -> Iterator[bytes]:
    """Yield requests that stop in the head, before the body, and in the body."""
    whole = one_click(path)
    head, _, _ = whole.partition(FORM)
    yield whole[: len(path)]
    yield head.rstrip(b"\r\n")
    yield head
    yield head + FORM[:5]
    chunked = request(path, "Transfer-Encoding: chunked").replace(b"GET", b"POST", 1)
    yield chunked + b"1a\r\n" + FORM[:5]
    yield chunked + b"1a\r\n" + FORM + b"\r\n0\r\n"


@contextmanager
def open_half_sent(connect: Connect, path: str, *, rounds: int) -> Iterator[list[socket.socket]]:
    """Yield connections on which each of the half-sent requests waits, `rounds` times."""
    with ExitStack() as stack:
        connections = []
        for _ in range(rounds):
            for part in half_sent(path):
                connection = stack.enter_context(connect())
                connection.sendall(part)
                connections.append(connection)
        yield connections
