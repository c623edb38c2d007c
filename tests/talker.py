"""A server that says the same to whatever it hears, or nothing at all, and counts its callers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(slots=True)
class Talker:
    """Where the server listens, and how many connections it has accepted."""

    port: int
    connections: int = 0


@contextmanager
def talking(said: bytes = b"") -> Iterator[Talker]:
    """Give a running server. Its sockets are closed and its thread has ended after the block."""
    with socket.create_server((HOST, 0)) as server:
        talker = Talker(port=server.getsockname()[1])
        thread = threading.Thread(target=_talk, args=(server, said, talker), daemon=True)
        thread.start()
        try:
            yield talker
        finally:
            # Closing alone does not wake the thread that waits for a connection.
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=30)
        assert not thread.is_alive()


def _talk(server: socket.socket, said: bytes, talker: Talker) -> None:
    # Connections stay open while the server does, and are closed with it.
    with ExitStack() as held:
        while True:
            try:
                connection = held.enter_context(server.accept()[0])
            except OSError:
                return
            talker.connections += 1
            connection.settimeout(5)
            with suppress(OSError):
                if said and connection.recv(4096):
                    connection.sendall(said)
