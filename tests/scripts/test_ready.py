"""Readiness probes of the scripts answer "no" within a few seconds, whatever state a server is
in."""

from collections.abc import Iterator

import pytest

from scripts.ready import answers, worker_answers
from scripts.servers import HOST, LENT_BY_NOBODY, free_port
from tests.talker import Talker, talking


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[Talker]:
    """A server that says the same to whatever it hears; nothing where that is empty."""
    with talking(request.param) as server:
        yield server


def test_a_broker_that_is_not_there_yet_is_no_worker() -> None:
    assert not worker_answers(f"redis://{HOST}:{free_port()}/0")


@pytest.mark.parametrize(
    "talker", [b"", b"-LOADING Redis is loading the dataset in memory\r\n"], indirect=True
)
def test_a_broker_that_says_nothing_or_is_loading_is_asked_once(talker: Talker) -> None:
    assert not worker_answers(f"redis://{HOST}:{talker.port}/0")
    assert talker.connections == 1


@pytest.mark.parametrize("talker", [b"no HTTP\r\n\r\n"], indirect=True)
def test_a_server_that_speaks_no_http_is_not_ready(talker: Talker) -> None:
    assert not answers(f"http://{HOST}:{talker.port}/")


@pytest.mark.parametrize("talker", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], indirect=True)
def test_the_machine_s_proxy_is_not_used(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{HOST}:{free_port()}")
    assert answers(f"http://{HOST}:{talker.port}/")


def test_a_free_port_is_outside_the_ephemeral_range() -> None:
    ports = {free_port() for _ in range(50)}
    assert all(port in LENT_BY_NOBODY for port in ports)
    assert len(ports) > 40
