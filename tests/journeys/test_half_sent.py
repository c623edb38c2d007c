"""Clients that do not finish: half-sent requests, responses that are not read, connections that are
kept. Others are served all the same."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.ready import answers
from scripts.servers import HOST
from scripts.steps import ROOT
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for
from tests.journeys.talk import answer, ask, half_sent, one_click, open_half_sent, request
from tests.journeys.webs import Web, web

# More than twice the threads of two processes.
ROUNDS = 5


@pytest.fixture(scope="module")
def patient(shared: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gunicorn that waits longer for a request than a test does."""
    with web(shared, tmp_path_factory.mktemp("patient"), seconds=300) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(shared: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gunicorn that waits for a second."""
    with web(shared, tmp_path_factory.mktemp("hasty"), seconds=1) as running:
        yield running


def test_a_one_click_beside_half_sent_requests_is_accepted(
    shared: Deployment, patient: Web
) -> None:
    path = urlsplit(shared.link(2001)).path
    with open_half_sent(patient.connect, "/u/somebody", rounds=ROUNDS):
        assert ask(patient.connect, one_click(path, host=HOST))[0] == 200
        assert ask(patient.connect, request(path, host=HOST))[0] == 200
        assert ask(patient.connect, request("/healthz"))[0] == 200
    assert shared.event_of(2001)["list_id"] == 7001


def test_connections_that_clients_keep_open_after_the_response_stop_nothing(
    shared: Deployment, patient: Web
) -> None:
    kept = []
    for _ in range(30):
        connection = patient.connect()
        connection.sendall(request("/nowhere", host=HOST))
        kept.append(connection)
    path = urlsplit(shared.link(2002)).path
    status, _ = ask(patient.connect, one_click(path, host=HOST))
    assert status == 200
    for connection in kept:
        assert answer(connection)[0] == 404
        connection.close()


def test_half_sent_requests_end_with_408_and_nothing_is_recorded(
    shared: Deployment, hasty: Web
) -> None:
    path = urlsplit(shared.link(2003)).path
    with open_half_sent(hasty.connect, path, rounds=1) as connections:
        for connection, part in zip(connections, half_sent(path), strict=True):
            assert answer(connection)[0] == 408, part
    asked = "SELECT count(*) FROM unsub_subscriberrequest WHERE subscriber_id = {mark}"
    assert shared.query(asked, 2003) == [(0,)]


def test_a_body_that_drips_ends_with_408_although_it_never_pauses(hasty: Web) -> None:
    head = one_click("/u/somebody").partition(b"List-")[0]
    with hasty.connect() as connection:
        connection.sendall(head.replace(b"Content-Length: 26", b"Content-Length: 9000"))
        connection.settimeout(0.1)
        response = b""
        for _ in range(600):
            # The server may have ended the connection since the last look at it.
            with suppress(ConnectionError):
                connection.sendall(b"a")
            with suppress(TimeoutError):
                response = connection.recv(4096)
                break
    assert response.startswith(b"HTTP/1.1 408 ")


def test_a_response_that_nobody_reads_frees_its_thread(
    shared: Deployment, patient: Web, tmp_path: Path
) -> None:
    style = request("/static/unfold/css/styles.css", host=HOST)
    assert len(ask(patient.connect, style)[1]) > 300_000
    # Together more than the system takes from the process for a client that does not read.
    many = style.replace(b"Connection: close\r\n", b"") * 30
    # With one process, the next request cannot reach another one.
    with web(shared, tmp_path, "--workers", "1", seconds=1) as own, ExitStack() as stack:
        for _ in range(12):
            deaf = stack.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            deaf.settimeout(60)
            deaf.connect((HOST, own.port))
            deaf.sendall(many)
        # The first ones are answered before the system takes no more.
        path = urlsplit(shared.link(2004)).path
        answers = [ask(own.connect, one_click(path, host=HOST))[0] for _ in range(12)]
        assert answers == [200] * 12
        assert "Traceback" not in own.process.log


def test_more_connections_than_allowed_end_the_oldest_that_wait(
    shared: Deployment, tmp_path: Path
) -> None:
    options = ("--workers", "1", "--worker-connections", "12")
    with (
        web(shared, tmp_path, *options, seconds=300) as small,
        open_half_sent(small.connect, "/u/somebody", rounds=ROUNDS) as connections,
    ):
        path = urlsplit(shared.link(2005)).path
        assert ask(small.connect, one_click(path, host=HOST))[0] == 200
        assert answer(connections[0])[0] == 408


def _fill(own: Web, stack: ExitStack, *, kept: int, half: int) -> list[socket.socket]:
    """Return connections that wait for their client: after a response, and in a next request."""
    first = request("/nowhere", method="HEAD", host=HOST)
    first = first.replace(b"Connection: close\r\n", b"")
    connections = []
    for number in range(kept + half):
        connection = stack.enter_context(own.connect())
        connection.sendall(
            first + (one_click("/u/somebody", host=HOST)[:-5] if number >= kept else b"")
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connections.append(connection)
    return connections


@pytest.mark.parametrize(("kept", "half"), [(7, 4), (0, 11)])
def test_a_connection_that_makes_room_while_its_client_sends_does_not_end_the_process(
    shared: Deployment, tmp_path: Path, kept: int, half: int
) -> None:
    options = ("--workers", "1", "--worker-connections", "12")
    with web(shared, tmp_path, *options, seconds=300) as small, ExitStack() as stack:
        booting = small.process.wait_for_words(re.compile(r"Booting worker.*?(\d+)"), seconds=60)
        connections = _fill(small, stack, kept=kept, half=half)
        os.kill(int(booting[1]), signal.SIGSTOP)
        # What the process then finds at once: one connection too many, and data on all the others.
        new = stack.enter_context(small.connect())
        for connection in connections:
            connection.sendall(request("/nowhere", host=HOST))
        new.sendall(request("/nowhere", host=HOST))
        os.kill(int(booting[1]), signal.SIGCONT)
        assert answer(new)[0] == 404
        assert ask(small.connect, request("/healthz"))[0] == 200
        assert small.process.log.count("Booting worker") == 1
        assert "Traceback" not in small.process.log


def test_a_connection_that_was_kept_the_longest_makes_room_for_a_new_one(
    shared: Deployment, tmp_path: Path
) -> None:
    options = ("--workers", "1", "--worker-connections", "12")
    with web(shared, tmp_path, *options, seconds=300) as small, ExitStack() as stack:
        oldest, *_, begun, last = _fill(small, stack, kept=7, half=4)
        assert ask(small.connect, request("/nowhere", host=HOST))[0] == 404
        assert oldest.recv(4096) == b""
        for connection in (begun, last):
            connection.sendall(b"Click")
            assert answer(connection)[0] == 404


def test_the_health_port_answers_nothing_else_and_is_what_the_health_check_asks(
    patient: Web,
) -> None:
    def connect() -> socket.socket:
        return socket.create_connection((HOST, patient.health_port), timeout=60)

    with open_half_sent(connect, "/u/somebody", rounds=ROUNDS):
        for path in ("/healthz", "/metrics", "/u/x"):
            status, text = ask(connect, request(path))
            assert (status, text.endswith(b"\r\n\r\nok\n")) == (200, True)
        check = [sys.executable, str(ROOT / "profilecenter" / "healthcheck.py")]
        environ = os.environ | {"HEALTH_PORT": str(patient.health_port), "PORT": "1"}
        assert subprocess.run(check, env=environ, check=False, timeout=60).returncode == 0


def test_a_new_main_process_after_usr2_has_the_health_port_too(
    shared: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    with web(shared, tmp_path, "--workers", "1", "--pid", str(file), seconds=300) as running:

        def is_healthy() -> bool:
            return answers(f"http://{HOST}:{running.health_port}/healthz")

        assert is_healthy()
        for _ in range(2):
            before = file.read_text()
            os.kill(int(before), signal.SIGUSR2)
            wait_for("the new main process", (tmp_path / "pid.2").exists, seconds=60)
            os.kill(int(before), signal.SIGTERM)
            # It is the only one now.
            wait_for("its file", lambda old=before: _other(file, old), seconds=60)  # type: ignore[misc]
            wait_for("health", is_healthy, seconds=60)


def _other(file: Path, before: str) -> bool:
    """Return whether a file is there, and has another text than before."""
    return file.exists() and file.read_text() not in {before, ""}


def test_a_client_that_waits_for_100_continue_gets_it(shared: Deployment, patient: Web) -> None:
    whole = one_click(urlsplit(shared.link(2006)).path, "Expect: 100-continue", host=HOST)
    head, mark, rest = whole.partition(b"List-")
    with patient.connect() as connection:
        connection.sendall(head)
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(mark + rest)
        assert b"HTTP/1.1 200 " in answer(connection)[1]


def test_requests_in_one_packet_are_answered_one_after_the_other(patient: Web) -> None:
    first = request("/nowhere", host=HOST).replace(b"Connection: close\r\n", b"")
    with patient.connect() as connection:
        connection.sendall(first + first + request("/healthz", host=HOST))
        _, text = answer(connection)
    assert [text.count(b"HTTP/1.1 404 "), text.count(b"HTTP/1.1 200 ")] == [2, 1]


def test_a_large_head_is_431_and_a_large_body_413_as_soon_as_that_is_known(patient: Web) -> None:
    large = one_click("/u/somebody").replace(b"Content-Length: 26", b"Content-Length: 65537")
    assert ask(patient.connect, large)[0] == 413
    chunks = request("/u/somebody", "Transfer-Encoding: chunked") + b"fffff\r\n"
    assert ask(patient.connect, chunks)[0] == 413
    head = b"GET / HTTP/1.1\r\n" + b"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2000
    assert ask(patient.connect, head)[0] == 431


def test_the_process_stops_without_waiting_for_half_sent_requests(
    shared: Deployment, tmp_path: Path
) -> None:
    with (
        web(shared, tmp_path, "--graceful-timeout", "200", seconds=300) as own,
        open_half_sent(own.connect, "/u/somebody", rounds=1) as connections,
        own.connect() as silent,
    ):
        assert own.process.end(15, seconds=120) == 0  # type: ignore[arg-type]
        assert {answer(connection)[0] for connection in connections} == {408}
        assert answer(silent)[0] == 0


def test_a_request_that_begins_while_the_process_stops_does_not_keep_it(
    shared: Deployment, tmp_path: Path
) -> None:
    options = ("--workers", "1", "--graceful-timeout", "200")
    with web(shared, tmp_path, *options, seconds=300) as own, own.connect() as late:
        own.process.signal_main(signal.SIGTERM)
        own.process.wait_for_words(re.compile("Handling signal: term"), seconds=60)
        # The process waits for two seconds; where it ended earlier, there is nothing to be kept by.
        time.sleep(0.3)
        with suppress(OSError):
            late.sendall(one_click("/u/somebody")[:-5])
        assert own.process.wait(seconds=120) == 0


SLOW_START = """
import time
shipped = post_fork
def post_fork(server, worker):
    shipped(server, worker)
    if worker.age > 1:
        time.sleep(3)
"""


def test_a_process_that_is_told_to_stop_as_soon_as_it_is_made_does_not_serve_on(
    shared: Deployment, tmp_path: Path
) -> None:
    options = ("--workers", "2", "--graceful-timeout", "200")
    with web(shared, tmp_path, *options, seconds=20, config=SLOW_START) as own:
        # The first process answers; the second one has no handlers of its own for three seconds.
        own.process.wait_for_words(
            re.compile("Booting worker.*Booting worker", re.DOTALL), seconds=60
        )
        assert own.process.end(signal.SIGTERM, seconds=120) == 0


def test_connections_that_wait_when_a_process_is_told_to_stop_are_answered(
    shared: Deployment, tmp_path: Path
) -> None:
    options = ("--workers", "1", "--graceful-timeout", "200")
    path = urlsplit(shared.link(2007)).path
    with web(shared, tmp_path, *options, seconds=20) as own, ExitStack() as stack:
        booting = own.process.wait_for_words(re.compile(r"Booting worker.*?(\d+)"), seconds=60)
        worker = int(booting[1])
        os.kill(worker, signal.SIGSTOP)
        waiting = [stack.enter_context(own.connect()) for _ in range(8)]
        for connection in waiting:
            connection.sendall(one_click(path, host=HOST))
        own.process.signal_main(signal.SIGTERM)
        own.process.wait_for_words(re.compile("Handling signal: term"), seconds=60)
        # Until the main process has passed the signal on, to a process that does not run.
        time.sleep(0.3)
        os.kill(worker, signal.SIGCONT)
        assert [answer(connection)[0] for connection in waiting] == [200] * 8
        assert own.process.wait(seconds=120) == 0
