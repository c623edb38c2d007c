"""From the signed link to the UnsubEvent, with the packages of the image only."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.ready import answers
from scripts.servers import HOST, Postgres, Valkey, free_port
from tests.deploy.files import command, health_command
from tests.deploy.image import Image, Running

# Known to the sandbox: an email of the newest job of a list.
MID, LIST, JOB = 510001, 7001, 88002
ONE_CLICK, PAGE = 1001, 1002
FORM = {
    "Host": "mail.example.com",
    "X-Forwarded-Proto": "https",
    "Content-Type": "application/x-www-form-urlencoded",
}


@pytest.fixture
def servers() -> Iterator[dict[str, str]]:
    """The URLs of a private PostgreSQL and a private broker."""
    with ExitStack() as stack:
        postgres, valkey = Postgres(), Valkey(persist=True)
        for server in (postgres, valkey):
            stack.callback(server.close)
            server.start()
        yield {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}


@pytest.fixture
def sandbox() -> str:
    """The URL that the sandbox will have."""
    return f"http://{HOST}:{free_port()}"


@pytest.fixture
def deployment(image: Image, servers: dict[str, str], sandbox: str, tmp_path: Path) -> Image:
    """The image with these settings, and a database made by its own commands."""
    made = image.with_settings(
        **servers,
        SFMC_AUTH_URL=sandbox,
        SFMC_SOAP_URL=sandbox,
        SFMC_CLIENT_ID="sandbox",
        SFMC_CLIENT_SECRET="sandbox",
        SFMC_ACCOUNT_ID=str(MID),
        UNDO_SECONDS="1",
        CELERY_BEAT_SCHEDULE=str(tmp_path / "celerybeat-schedule"),
    )
    done = made.run(*command("migrate"))
    assert done.returncode == 0, done.stderr[-2000:]
    manage(made, "add_unit", "--mid", str(MID), "--name", "Example Outfitters")
    return made


def manage(deployment: Image, *arguments: str) -> str:
    """Return the output of a manage.py command."""
    done = deployment.run("python", "manage.py", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def link(deployment: Image, subscriber: int) -> str:
    """Return the path of a signed link."""
    claims = {"mid": MID, "subscriber-id": subscriber, "job-id": JOB, "list-id": LIST}
    words = [word for name, value in claims.items() for word in (f"--{name}", str(value))]
    return urlsplit(manage(deployment, "sign_link", *words)).path


def post(url: str, path: str, body: str) -> int:
    """Return the status of a POST, sent as a proxy passes it on."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("POST", path, body, FORM)
        return connection.getresponse().status
    finally:
        connection.close()


def healthy(deployment: Image, name: str) -> bool:
    """Return whether a service passes the compose file's health check."""
    return deployment.run(*health_command(name)).returncode == 0


def events(sandbox: str) -> list[dict[str, Any]]:
    """Return the sandbox's UnsubEvents."""
    with urllib.request.urlopen(f"{sandbox}/events.json", timeout=10) as response:
        found: list[dict[str, Any]] = json.load(response)
    return found


def audit(deployment: Image) -> list[dict[str, Any]]:
    """Return the rows of the audit."""
    lines = manage(deployment, "export_audit", "--format", "jsonl").splitlines()
    return [json.loads(line) for line in lines]


@contextmanager
def everything(deployment: Image, *, url: str, sandbox: str) -> Iterator[dict[str, Running]]:
    """Yield the processes by name, once each of them is ready."""
    commands = {
        "sandbox": ["python", "manage.py", "sandbox", "--port", str(urlsplit(sandbox).port)],
        "web": [*command("web"), "--bind", urlsplit(url).netloc],
        "worker": command("worker"),
        "beat": command("beat"),
    }
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(deployment.started(f"journey-{name}", words))
            for name, words in commands.items()
        }
        running["sandbox"].wait_until(lambda: answers(f"{sandbox}/healthz"))
        running["web"].wait_until(lambda: answers(f"{url}/readyz"))
        for name in ("worker", "beat"):
            running[name].wait_until(partial(healthy, deployment, name))
        yield running


def test_both_ways_to_unsubscribe_end_as_events_of_the_job(deployment: Image, sandbox: str) -> None:
    url = f"http://{HOST}:{free_port()}"
    with everything(deployment, url=url, sandbox=sandbox) as running:
        assert post(url, link(deployment, ONE_CLICK), "List-Unsubscribe=One-Click") == 200
        assert post(url, link(deployment, PAGE), "form=page") == 303
        worker = running["worker"]
        worker.wait_until(lambda: len(events(sandbox)) == 2)
        worker.wait_until(lambda: {row["status"] for row in audit(deployment)} == {"done"})

        seen = {
            event["subscriber_id"]: (event["mid"], event["job_id"], event["list_id"])
            for event in events(sandbox)
        }
        assert seen == dict.fromkeys((ONE_CLICK, PAGE), (MID, JOB, LIST))
        assert {row["channel"] for row in audit(deployment)} == {"one_click", "page"}
        for name in ("beat", "worker", "web"):
            assert running[name].terminate() == 0, running[name].log[-2000:]
