"""HTTP servers of the tests' own. Each answers in its own words; what they share is here."""

import json
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in."""

    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A reply. `act` runs first, and returns whether the reply is still to be sent."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/xml; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    act: "Callable[[Handler], bool] | None" = None


def as_json(value: object) -> Answer:
    """Return a JSON reply."""
    return Answer(body=json.dumps(value).encode(), kind="application/json")


class StandIn:
    """A server on a free port of 127.0.0.1. Subclasses say what it answers.

    After the block its sockets are closed and its threads have ended.
    """

    methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def __init__(self) -> None:
        self._server = _Server(self.answer, self.methods)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, received: Received) -> Answer:
        """Return the reply to a request. Called in the thread of the request's connection."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return the server, listening."""
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything."""
        self._server.shutdown()
        self._thread.join()
        self._server.close()


class _Server(ThreadingHTTPServer):
    # Its closing waits for the threads of all connections.
    daemon_threads = False
    # The default backlog is 5: a crowd of sixteen would have some connections reset.
    request_queue_size = 64

    def __init__(self, answer: Callable[[Received], Answer], methods: Collection[str]) -> None:
        self.answer = answer
        self.methods = methods
        self.closing = Event()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note a connection."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """Hang up on every client, idle ones included, and wait for the threads."""
        self.closing.set()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer where GET is served."""
        self._answer()

    def do_POST(self) -> None:
        """Answer where POST is served."""
        self._answer()

    def _answer(self) -> None:
        if self.command not in self.server.methods:
            self.send_error(405)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received = Received(path=self.path, headers=self.headers, body=body)
        answer = self.server.answer(received)
        if answer.act and not answer.act(self):
            self.close_connection = True
            return
        self.send_response(answer.status)
        kind = {"Content-Type": answer.kind} if answer.kind else {}
        length = {"Content-Length": str(len(answer.body))}
        for name, value in (length | kind | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def handle(self) -> None:
        """Ignore errors of a client that has disconnected."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side has closed it already.
        return
