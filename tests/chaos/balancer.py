"""A load balancer for tests: each connection goes to the next web server."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from scripts.servers import HOST, free_port

PATIENCE = 120.0  # seconds


class Balancer:
    """Passes connections on to the servers in turn. One that is removed gets no new connection, and
    those it has are served to their end, as a proxy does it for a server that is replaced."""

    def __init__(self) -> None:
        self.port = free_port()
        self._servers: list[int] = []
        self._open: Counter[int] = Counter()
        self._changed = threading.Condition()
        self._turns = count()
        self._listener = socket.create_server((HOST, self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://{HOST}:{self.port}"

    def add(self, port: int) -> None:
        """Let a server take connections."""
        with self._changed:
            self._servers.append(port)

    def remove(self, port: int) -> None:
        """Return when the server has no connection any more and gets none."""
        with self._changed:
            self._servers.remove(port)
            ended = self._changed.wait_for(lambda: not self._open[port], timeout=PATIENCE)
        assert ended, "a connection did not end"

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A server that takes no connection: the client hears nothing, which it notes.
        with suppress(OSError), client, self._connected() as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """Yield a connection to the server whose turn it is."""
        with self._changed:
            port = self._servers[next(self._turns) % len(self._servers)]
            self._open[port] += 1
        try:
            with socket.create_connection((HOST, port), timeout=PATIENCE) as server:
                yield server
        finally:
            with self._changed:
                self._open[port] -= 1
                self._changed.notify_all()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on everything until the source ends, or one of the two is gone."""
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            end.close()
