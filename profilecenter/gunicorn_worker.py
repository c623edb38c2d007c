"""gunicorn's threaded worker, which gives a request to a thread when all of it has arrived.

gunicorn's own threads read from the client, for as long as the client likes: as many half-sent
requests as there are threads stop the process (docs/adr/0024). Here the event loop, which never
waits for a client, receives requests, within a time limit, and answers /healthz itself.
"""

import errno
import json
import math
import os
import queue
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Never

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker

from .incoming import Incoming

PIECE = 64 * 1024  # bytes received at once
SEND_SECONDS = 30.0  # for each piece of a response
LINGER_SECONDS = 2.0
LINGERING = 200  # connections at once
HALF_SENT_BYTES = 16 * 1024 * 1024  # in one process, of all connections
ENDING = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TEXTS = {
    200: "ok",
    408: "The request did not arrive in time.",
    413: "The request is too large.",
    431: "The headers of the request are too large.",
}


# The API's names of them (unsub/api/problems.py).
CODES = {408: "bad_request", 413: "too_large", 431: "bad_request"}


def response(status: int, *, is_api: bool = False) -> bytes:
    """Return a whole response, after which the connection ends: in plain text, for the API a
    problem (RFC 9457)."""
    media_type, body = "text/plain; charset=utf-8", f"{TEXTS[status]}\n"
    if is_api:
        media_type, body = "application/problem+json", _problem(status)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    return "\r\n".join((*head, "", body)).encode()


def _problem(status: int) -> str:
    """Return the body of a problem."""
    return json.dumps({
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status,
        "code": CODES[status], "detail": TEXTS[status], "request_id": "",
    })  # fmt: skip


class ClientSocket(socket.socket):
    """A connection whose client has to take each piece of a response within SEND_SECONDS."""

    def setblocking(self, flag: bool) -> None:
        """Block for SEND_SECONDS at most, or not at all."""
        self.settimeout(SEND_SECONDS if flag else 0.0)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all data. Raises ConnectionResetError where the client does not take it in time."""
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client does not read") from None


class Received:
    """The source of gunicorn's parser behind the bytes that it is given: there are no more. So a
    thread never waits for a client, and a body that is cut short is an error."""

    def __iter__(self) -> "Received":
        return self

    def __next__(self) -> Never:
        """Raise ConnectionResetError, which gunicorn and Django handle like a client that left."""
        raise ConnectionResetError(errno.ECONNRESET, "the request is incomplete")


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """A client's connection."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = http.get_parser(cfg, Received(), client)
        self.initialized = self.data_ready = True
        self.incoming = Incoming()
        self.since = self.deadline = 0.0
        self.linger: Callable[[socket.socket], None] | None = None

    def close(self, graceful: bool = False) -> None:
        """Close the connection; gracefully: when the client has read the response."""
        if graceful and self.linger:
            self.linger(self.sock)
        else:
            self.sock.close()


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """The worker of `worker_class` in gunicorn.conf.py."""

    request_seconds = 20.0  # from the first byte of a request to its last
    # The signals that gunicorn's main process has received and not yet handled, set after the fork.
    early_signals: queue.SimpleQueue[int] | None = None
    # A listening socket that only answers /healthz, made by gunicorn.conf.py before the fork.
    health_listener: socket.socket | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The oldest first.
        self._receiving: dict[Connection, None] = {}
        self._lingering: dict[socket.socket, float] = {}
        self._received_bytes = 0
        self._next_look = 0.0
        # When a process that stops ends what it still receives.
        self._stops_at = math.inf

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Raise RuntimeError, which ends the start, for TLS in gunicorn."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError("TLS ends at a proxy: remove certfile and keyfile")

    def init_signals(self) -> None:
        """Handle signals from now on, and those that came since the fork: they went to the handlers
        of the main process, which only put them into a queue, here a copy that nobody reads. A
        process that was told to end as soon as it was made would serve on, and the main process
        would wait for it for `graceful_timeout`."""
        former = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        super().init_signals()
        while self.early_signals is not None and not self.early_signals.empty():
            if (number := self.early_signals.get()) in ENDING:
                os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def run(self) -> None:
        """Serve until the process is to stop. `/healthz` is answered until the last round."""
        if self.health_listener is not None:
            self.health_listener.setblocking(False)
            # Never removed: whatever the other listeners do, this one answers.
            self.poller.register(self.health_listener, selectors.EVENT_READ, self._accept_probe)
        super().run()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or stop to accept connections. A process that ends takes those that have waited,
        which the system would otherwise reset, and closes its listening sockets: a later client is
        refused at once, and asks another process or port, instead of waiting for the last request
        here and being reset then."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass
            listener.close()

    def accept(self, listener: socket.socket) -> bool:
        """Accept a connection and begin to receive its request. Return whether one waited."""
        found = _accepted(listener)
        if found:
            client, address = found
            self._begin(Connection(self.cfg, client, address, listener.getsockname()))
            self._make_room()
        return bool(found)

    def _accept_probe(self, listener: socket.socket) -> None:
        if found := _accepted(listener):
            client, _ = found
            client.setblocking(False)
            with suppress(OSError):
                client.send(response(200))
            self._linger(client)

    def _begin(self, conn: Connection) -> None:
        self.nr_conns += 1
        conn.linger = self._linger
        self.enqueue_req(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Receive the next request of a connection, then give it to a thread."""
        conn.incoming = Incoming()
        conn.since = time.monotonic()
        # A connection on which nothing was sent yet may stay open, like one between two requests.
        conn.deadline = self._within(self.cfg.keepalive)
        self._receiving[conn] = None
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        if early := conn.parser.unreader.take_buffered():
            self._add(conn, early)

    def _within(self, seconds: float) -> float:
        """Return the time in so many seconds, or the earlier one when a process that stops ends
        what it receives: also requests whose first byte arrives after the signal."""
        return min(time.monotonic() + seconds, self._stops_at)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Receive the next request of a connection that was kept, unless it has ended since the
        selector named it: what came before in the same round may have needed room."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def _receive(self, conn: Connection, client: socket.socket) -> None:
        if conn not in self._receiving:  # as in on_client_socket_readable
            return
        data = _received(client)
        if data:
            self._add(conn, data)
        elif data is not None:
            self._drop(conn)

    def _add(self, conn: Connection, data: bytes) -> None:
        request = conn.incoming
        if not request.data:
            conn.deadline = self._within(self.request_seconds)
        request.add(data)
        self._received_bytes += len(data)
        if request.refusal:
            self._answer(conn, request.refusal)
        elif request.is_complete:
            self._hand_over(conn)
        else:
            self._continue(conn)
            self._make_room()

    def _continue(self, conn: Connection) -> None:
        """Tell a client that waits for it to send the body (RFC 9110, section 10.1.1)."""
        if conn.incoming.wants_continue:
            conn.incoming.wants_continue = False
            with suppress(OSError):
                conn.sock.send(CONTINUE)

    def _hand_over(self, conn: Connection) -> None:
        """Give a complete request to a thread, or answer it here if it asks for /healthz."""
        if conn.incoming.is_liveness:
            self._answer(conn, 200)
            return
        self._forget(conn)
        conn.parser.unreader.unread(bytes(conn.incoming.data))
        conn.incoming = Incoming()
        super().enqueue_req(conn)

    def _forget(self, conn: Connection) -> None:
        """Stop receiving from a connection."""
        del self._receiving[conn]
        self._received_bytes -= len(conn.incoming.data)
        self.poller.unregister(conn.sock)

    def _answer(self, conn: Connection, status: int) -> None:
        """Answer without a thread, and end the connection."""
        self._forget(conn)
        with suppress(OSError):
            conn.sock.send(response(status, is_api=conn.incoming.is_api))
        self.nr_conns -= 1
        conn.close(graceful=True)

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> None:
        """End the oldest connections that only wait for their client where there are too many, or
        their requests too large."""
        while self.nr_conns >= self.worker_connections or self._received_bytes > HALF_SENT_BYTES:
            oldest = next(iter(self._receiving), None)
            if self._is_kept_longer(oldest):
                self.keepalived_conns[0].timeout = 0.0
                self.murder_keepalived()
            elif oldest:
                self._answer(oldest, 408) if oldest.incoming.data else self._drop(oldest)
            else:
                return

    def _is_kept_longer(self, oldest: Connection | None) -> bool:
        """Return whether there are too many connections, and the first of those without a request
        has waited for longer. If they were spared, a new connection would end before its request is
        here."""
        if self.nr_conns < self.worker_connections or not self.keepalived_conns:
            return False
        kept_since = self.keepalived_conns[0].timeout - self.cfg.keepalive
        return oldest is None or bool(kept_since < oldest.since)

    def murder_pending(self) -> None:
        """End requests that were not received in time. gunicorn calls this in every round."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + 0.5
        for conn in [conn for conn in self._receiving if conn.deadline <= now]:
            self._answer(conn, 408) if conn.incoming.data else self._drop(conn)
        for client in [client for client, until in self._lingering.items() if until <= now]:
            self._end(client)

    def _cap_keepalive(self, deadline: float) -> None:
        """Let waiting connections end by `deadline`, because the process stops."""
        super()._cap_keepalive(deadline)
        self._stops_at = deadline
        for conn in self._receiving:
            conn.deadline = min(conn.deadline, deadline)

    def _linger(self, client: socket.socket) -> None:
        """Close a connection when its client has, or after LINGER_SECONDS: an earlier close could
        take the response from a client that still sends (RFC 9112, section 9.6). gunicorn waits
        for this in the event loop, where it would stop everything."""
        try:
            client.setblocking(False)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            client.close()
            return
        if len(self._lingering) >= LINGERING:
            self._end(next(iter(self._lingering)))
        self._lingering[client] = time.monotonic() + LINGER_SECONDS
        self.poller.register(client, selectors.EVENT_READ, self._discard)

    def _discard(self, client: socket.socket) -> None:
        # It may have ended in the same round, as in on_client_socket_readable.
        if client in self._lingering and _received(client) == b"":
            self._end(client)

    def _end(self, client: socket.socket) -> None:
        del self._lingering[client]
        self.poller.unregister(client)
        client.close()


def _accepted(listener: socket.socket) -> tuple[ClientSocket, Any] | None:
    """Return a new connection and its address; None if another process took it."""
    try:
        client, address = listener.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return None
    own = ClientSocket(client.family, client.type, client.proto, fileno=client.detach())
    return own, address


def _received(client: socket.socket) -> bytes | None:
    """Return what was received: empty if the client has closed the connection, None if there is
    nothing yet."""
    try:
        return client.recv(PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
