"""gunicorn, worker and beat log in one format, without personal data, from start to end."""

import base64
import json
import re
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import redis

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


def send_raw(deployment: Deployment, request: bytes) -> bytes:
    """Send bytes to the web process; return its response to the end."""
    answer = b""
    port = int(deployment.url.rpartition(":")[2])
    with socket.create_connection((HOST, port), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while received := connection.recv(4096):
            answer += received
    return answer


def test_the_id_of_a_request_is_in_the_worker_s_line_about_its_delivery(deploy: Deploy) -> None:
    # By the request's own wake-up: a sweep that comes before it does not know the id.
    json_logs = deploy(LOG_FORMAT="json", SWEEP_SECONDS="3600")
    _, headers = json_logs.one_click(json_logs.link(1001))
    mine = {name.lower(): value for name, value in headers.items()}["x-request-id"]
    json_logs.event_of(1001)
    found = json_logs.worker.wait_for_words(re.compile(r".*attempt_settled.*\n"), seconds=90)
    assert json.loads(found[0])["http_request_id"] == mine


def test_every_log_line_of_every_process_is_json(
    json_logs: Deployment,
) -> None:
    json_logs.one_click(json_logs.link(1101))
    json_logs.event_of(1101)
    wait_for("a sweep", lambda: "Sending due task sweep" in json_logs.beat.log)
    for process in processes(json_logs):
        assert process.end(signal.SIGTERM, seconds=120) == 0
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
    # docs/operations/monitoring.md: with a dot in the host name, the node's name looks like an
    # address.
    node = "[address]" if "." in host else f"celery@{host}"
    return node, deployment.valkey.url.removeprefix("redis://").partition("/")[0]


# What gunicorn itself refuses, and logs; "\r\n" separates the request line from headers.
MALFORMED = (
    b"GET /u/{token} HTTP/9.9x",
    b"GET /u/{token}",
    b"GET_/u/{token}",
    b"{token}",
    b"G(T /u%2F{token} HTTP/1.1",
    b"GET /u/{token}\xe2\x80\x9d HTTP/1.1",
    b"GET /u/{token}\t{address} HTTP/1.1",
    b"GET http://[x/u/{token} HTTP/1.1",
    b"GET /u/x?{token} HTTP/1.1\r\nBad Header {token} {address}: x",
    b"GET /u/{token} HTTP/1.1\r\nHost: a\r\n{token}\x00: {address}",
    b"POST /u/{token} HTTP/1.1\r\nExpect: {token} {address}",
    b"POST /u/{token} HTTP/1.1\r\nContent-Length: {token}",
    b"POST /u/{token} HTTP/1.1\r\nTransfer-Encoding: {token}",
    b"GET /u/{token}%s HTTP/1.1" % (b"A" * 9000),
    b"GET / HTTP/1.1\r\nX: /u/{token}%s" % (b"A" * 9000),
)
# What gunicorn accepts: these headers change nothing.
HARMLESS = (
    b"GET /u/{token} HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /{token}",
    b"GET /u/{token} HTTP/1.1\r\nHost: localhost\r\nScript-Name: /{token}",
    b"GET /u/{token} HTTP/1.1\r\nHost: localhost\r\nPATH_INFO: /{token}",
    b"GET /u/{token} HTTP/1.1\r\nHost: {token}",
)


def test_malformed_requests_leave_no_token_and_no_address_in_the_log(
    json_logs: Deployment,
) -> None:
    token = json_logs.link(1102).rpartition("/")[2]
    for request in (*MALFORMED, *HARMLESS):
        send_raw(json_logs, filled(request, token))
    assert json_logs.web.end(signal.SIGTERM, seconds=120) == 0
    assert "Invalid" in json_logs.web.log
    assert_no_trace(json_logs.web, token)


def test_no_header_of_a_client_sets_the_script_name(json_logs: Deployment) -> None:
    token = json_logs.link(1103).rpartition("/")[2]
    pages = [send_raw(json_logs, filled(request, token)) for request in HARMLESS[:3]]
    for page in pages:
        assert page.startswith(b"HTTP/1.1 200 ")
        assert b"http-equiv" in page or b"<form" in page
        assert b"/" + token.encode() + b"/u/" not in page


def test_a_message_that_celery_cannot_read_leaves_no_token_in_the_log(
    json_logs: Deployment,
) -> None:
    token = json_logs.link(1104).rpartition("/")[2]
    text = f"/u/{token} {ADDRESS}"
    with redis.Redis.from_url(json_logs.valkey.url) as broker:
        for message in messages(text):
            broker.lpush("celery", json.dumps(message))
    json_logs.one_click(json_logs.link(1105))
    json_logs.event_of(1105)
    for refusal in ("Received unregistered task", "Received and deleted unknown message"):
        wait_for(refusal, lambda said=refusal: said in json_logs.worker.log)  # type: ignore[misc]
    assert json_logs.worker.end(signal.SIGTERM, seconds=120) == 0
    assert_no_trace(json_logs.worker, token)


def messages(text: str) -> Iterator[dict[str, Any]]:
    """Yield messages with a text in them: of a task that does not exist, with arguments that the
    task does not take, and of a form that Celery does not know."""
    for task, arguments in (("unsub.tasks.nothing", [text]), ("unsub.tasks.deliver", [text, text])):
        yield envelope([arguments, {}, {}], task=task, argsrepr=repr(arguments))
    yield envelope({"text": text})


def envelope(body: Any, **headers: str) -> dict[str, Any]:
    """Return a message as kombu puts it into Redis."""
    return {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8", "content-type": "application/json",
        "headers": headers | ({"id": "1", "lang": "py"} if headers else {}),
        "properties": {
            "correlation_id": "1", "delivery_mode": 2, "delivery_tag": "1",
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": "celery"},
        },
    }  # fmt: skip


def filled(request: bytes, token: str) -> bytes:
    """Return the bytes of a request with the token and the address in it."""
    full = request.replace(b"{token}", token.encode()).replace(b"{address}", ADDRESS.encode())
    return full + b"\r\nConnection: close\r\n\r\n"


def assert_no_trace(process: Process, token: str) -> None:
    """Fail if a log has the address, or a part of the token, or a line that is not JSON."""
    assert lines_of(process)
    log = process.log
    assert ADDRESS not in log
    assert not [part for part in token.split(".") if part and part in log]
