"""Connections of clients that behave badly, to a server in this process."""

import asyncio
import socket
from contextlib import suppress

from tests.mailto.forms import ADDRESS
from unsub.mailto import server


def test_a_client_that_reads_no_reply_keeps_no_connection() -> None:
    """Its replies fill the buffers; a connection that waits for them to be read never closes."""

    async def left() -> int:
        limits = server._Limits()
        handler = server._Handler(ADDRESS, limits)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            lambda: server._Connection(handler, limits, loop=loop, timeout=0.5, hostname="mx"),
            "127.0.0.1",
        )
        # Accepted sockets inherit it.
        listening.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listening.sockets[0].getsockname())
            client.setblocking(False)
            # Until the server reads no more of them, or has closed.
            with suppress(TimeoutError, OSError):
                for _ in range(20_000):
                    await asyncio.wait_for(loop.sock_sendall(client, b"EHLO mx\r\n" * 1000), 1.0)
            for _ in range(1200):
                if not limits.connections:
                    break
                await asyncio.sleep(0.05)
        listening.close()
        return len(limits.connections)

    assert asyncio.run(left()) == 0
