"""A receiver of webhooks that answers as a test wants: with a status, never, or half."""

import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple, Self

Behaviour = Callable[["_Handler"], None]


class Received(NamedTuple):
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event of the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def data(self) -> dict[str, Any]:
        """The data of the event."""
        found: dict[str, Any] = self.event["data"]
        return found


def status(code: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Return the behaviour that answers with a status."""

    def answer(handler: "_Handler") -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(handler: "_Handler") -> None:
    """Answer nothing until the receiver is closed; then hang up: else the client would wait on for
    an answer."""
    handler.server.closing.wait(60)
    handler.close_connection = True


def trickle(handler: "_Handler") -> None:
    """Send a byte of the response now and then: each is in time, all of them are not."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    try:
        while not handler.server.closing.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        return


def close_half_way(handler: "_Handler") -> None:
    """Promise a body, send a part of it, and close."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def endless(handler: "_Handler") -> None:
    """Answer 200 with a body that does not end."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.closing.is_set():
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return


def endless_redirect(handler: "_Handler") -> None:
    """Redirect, with a body that does not end."""
    handler.send_response(302)
    handler.send_header("Location", "https://example.com/elsewhere")
    handler.end_headers()
    try:
        while not handler.server.closing.is_set():
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.behaviours: list[Behaviour] = [status(204)]
        self.closing = Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Store the message, and behave: as the next of the behaviours, the last one again and
        again."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = {name.lower(): value for name, value in self.headers.items()}
        behaviours = self.server.behaviours
        behave = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        self.server.received.append(Received(self.path, found, body))
        behave(self)

    def do_GET(self) -> None:
        """Behave as for a message."""
        self.server.behaviours[0](self)

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


class Receiver:
    """A receiver on a port of its own."""

    def __init__(self) -> None:
        self._server = _Server()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def received(self) -> list[Received]:
        """What was posted, oldest first."""
        return self._server.received

    def behave(self, *behaviours: Behaviour) -> None:
        """Answer the next requests in these ways; the last one stays."""
        self._server.behaviours = list(behaviours)

    def types(self) -> list[str]:
        """Return the types of the events, without their common beginning."""
        return [one.event["type"].removeprefix("profilecenter.") for one in self.received]

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
