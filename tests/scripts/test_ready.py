"""Readiness probes of the scripts answer "no" within a few seconds, whatever state a server is
in."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from scripts.ready import answers, worker_answers
from scripts.servers import HOST, LENT_BY_NOBODY, free_port


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that always sends the same response; none where that is empty."""
    said: bytes = request.param
    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=_talk, args=(server, said), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        # Closing alone does not wake the thread that waits for a connection.
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)
        assert not thread.is_alive()


def _talk(server: socket.socket, said: bytes) -> None:
    # Connections stay open while the server does, and are closed with it.
    with ExitStack() as held:
        while True:
            try:
                connection = held.enter_context(server.accept()[0])
            except OSError:
                return
            connection.settimeout(5)
            with suppress(OSError):
                if said and connection.recv(4096):
                    connection.sendall(said)


def test_a_broker_that_does_not_listen_is_not_ready() -> None:
    started = time.monotonic()
    assert not worker_answers(f"redis://{HOST}:{free_port()}/0")
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "talker", [b"", b"-LOADING Redis is loading the dataset in memory\r\n"], indirect=True
)
def test_a_broker_that_does_not_answer_or_is_loading_does_not_block(talker: int) -> None:
    started = time.monotonic()
    assert not worker_answers(f"redis://{HOST}:{talker}/0")
    assert time.monotonic() - started < 6


@pytest.mark.parametrize("talker", [b"no HTTP\r\n\r\n"], indirect=True)
def test_a_server_that_speaks_no_http_is_not_ready(talker: int) -> None:
    assert not answers(f"http://{HOST}:{talker}/")


@pytest.mark.parametrize("talker", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], indirect=True)
def test_the_machine_s_proxy_is_not_used(talker: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{HOST}:{free_port()}")
    assert answers(f"http://{HOST}:{talker}/")


def test_a_free_port_is_outside_the_ephemeral_range() -> None:
    ports = {free_port() for _ in range(50)}
    assert all(port in LENT_BY_NOBODY for port in ports)
    assert len(ports) > 40
