"""Clients that do not finish: requests that stop in the body, headers that come byte by byte."""

import socket
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

# To each web server, of each kind: more than it has threads in all its processes.
CONNECTIONS = 24
FIRST = 100_000  # SubscriberIDs that no other client of a run has
HEADERS = (
    "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 26\r\n"
)
HALF_A_BODY = "\r\nList-Unsub"


def send(url: str, paths: list[str], seconds: float) -> list[int]:
    """Send half of each request for `seconds`: of every other one half the body, of the rest the
    headers, a byte at a time. Return the statuses of the responses that came meanwhile; 0 where the
    server only ended the connection."""
    host = urlsplit(url).netloc
    heads = [HEADERS.format(path=path, host=host) for path in paths]
    with ExitStack() as stack:
        connections = [stack.enter_context(_connect(host)) for _ in paths]
        stopped, slow = connections[::2], connections[1::2]
        for connection, head in zip(stopped, heads[::2], strict=True):
            connection.sendall((head + HALF_A_BODY).encode())
        _drip(slow, heads[1::2], seconds)
        return [status for one in connections if (status := _status(one)) is not None]


def _connect(host: str) -> socket.socket:
    address, port = host.split(":")
    return socket.create_connection((address, int(port)), timeout=60)


def _drip(connections: list[socket.socket], heads: list[str], seconds: float) -> None:
    """Send the headers byte by byte; `seconds` are over before they are complete."""
    until = time.monotonic() + seconds
    texts = [head.encode() for head in heads]
    shortest = min(map(len, texts))
    for sent in range(shortest):
        for connection, text in zip(connections, texts, strict=True):
            with suppress(OSError):  # the server has ended it
                connection.sendall(text[sent : sent + 1])
        time.sleep(max(0.05, seconds / shortest))
        if time.monotonic() > until:
            return


def _status(connection: socket.socket) -> int | None:
    """Return the status of a response, 0 for an end without one, None where neither came."""
    connection.settimeout(0.05)
    try:
        received = connection.recv(64)
    except TimeoutError:
        return None
    except OSError:
        return 0
    return int(received.split()[1]) if received.startswith(b"HTTP/") else 0
