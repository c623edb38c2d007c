"""gunicorn, worker and beat log in one format, without personal data, from start to end."""

import json
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.servers import HOST
from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.processes import Process, wait_for

ADDRESS = "ada@example.com"


@pytest.fixture
def json_logs(deploy: Deploy) -> Deployment:
    """A deployment that logs as in a container."""
    return deploy(LOG_FORMAT="json")


def processes(deployment: Deployment) -> Iterator[Process]:
    """Yield the long-running processes of the project."""
    yield from (deployment.web, deployment.worker, deployment.beat)


def lines_of(process: Process) -> list[dict[str, Any]]:
    """Return the lines of a log. Fails the test on a line that is not a JSON object."""
    found = []
    for line in filter(str.strip, process.log.splitlines()):
        try:
            found.append(dict(json.loads(line)))
        except ValueError:
            raise AssertionError(f"{process.name} wrote, as plain text: {line}") from None
    return found


def events_of(process: Process) -> list[str]:
    """Return the events of a log's lines."""
    return [str(line["event"]) for line in lines_of(process)]


def send_raw(deployment: Deployment, request: bytes) -> None:
    """Send bytes to the web process, and read its response to the end."""
    port = int(deployment.url.rpartition(":")[2])
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def test_every_log_line_of_every_process_is_json(
    json_logs: Deployment,
) -> None:
    json_logs.one_click(json_logs.link(1101))
    json_logs.event_of(1101)
    wait_for("a sweep", lambda: "Sending due task sweep" in json_logs.beat.log)
    for process in processes(json_logs):
        assert process.end(signal.SIGTERM, seconds=60) == 0
        assert events_of(process)
    assert any(event.startswith("Booting worker") for event in events_of(json_logs.web))
    worker = events_of(json_logs.worker)
    node, broker = names_of_machines(json_logs)
    starting = next(
        line for line in lines_of(json_logs.worker) if line["event"] == "worker_starting"
    )
    assert (starting["node"], starting["concurrency"]) == (node, 2)
    assert broker in starting["broker"]
    assert f"{node} ready." in worker
    assert "worker: Warm shutdown (MainProcess)" in worker
    assert "beat: Starting..." in events_of(json_logs.beat)


def names_of_machines(deployment: Deployment) -> tuple[str, str]:
    """Return the worker's node name, and the broker's host and port, as the log has them."""
    host = socket.gethostname()
    # docs/operations.md: with a dot in the host name, the node's name looks like an address.
    node = "[address]" if "." in host else f"celery@{host}"
    return node, deployment.valkey.url.removeprefix("redis://").partition("/")[0]


MALFORMED = (
    "GET /u/{token} HTTP/9.9x",
    "GET_/u/{token}",
    "{token}",
    "G(T /u%2F{token} HTTP/1.1",
    "GET /u/x?{token} HTTP/1.1\r\nBad Header {token} {address}: x",
)


def test_malformed_requests_leave_no_token_and_no_address_in_the_log(
    json_logs: Deployment,
) -> None:
    token = json_logs.link(1102).rpartition("/")[2]
    for request_line in MALFORMED:
        request = request_line.format(token=token, address=ADDRESS)
        send_raw(json_logs, f"{request}\r\nHost: {HOST}\r\n\r\n".encode())
    wait_for("the lines", lambda: json_logs.web.log.count("Invalid request") == len(MALFORMED))
    assert lines_of(json_logs.web)
    log = json_logs.web.log
    assert ADDRESS not in log
    assert not [part for part in token.split(".") if part in log]
