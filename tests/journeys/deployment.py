"""A whole deployment for tests: gunicorn, a Celery worker, beat and the sandbox, with a database
and a broker of its own."""

import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from scripts.ready import answers, worker_answers
from scripts.servers import HOST, Valkey, free_port
from scripts.steps import ROOT, tool
from tests.journeys.console import Console
from tests.journeys.processes import PATIENCE, Process, wait_for
from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.tokens import Keyring, sign_link

PARENT, CHILD = 510001, 510002
WEEKLY, NEWEST_WEEKLY_JOB, KIDS, KIDS_JOB = 7001, 88002, 7101, 88101
STORY = """
    SELECT a.outcome FROM unsub_deliveryattempt a JOIN unsub_subscriberrequest r ON r.id =
    a.request_id WHERE r.subscriber_id = {mark} ORDER BY a.id
"""
REQUESTS = "SELECT id, status FROM unsub_subscriberrequest WHERE subscriber_id = {mark}"
EXPORT = (
    "from django.core.management import call_command;"
    "call_command('export_audit', '--format', 'jsonl', '--output', {file!r})"
)
# The statuses of a subscriber with one request, which is finished.
FINAL = (["done"], ["refused"], ["withdrawn"])
Rows = list[dict[str, Any]]
# In which a server of ours answers, however busy the machine is.
ANSWER_SECONDS = 60.0


class Deployment:
    """The processes by name (`web`, `worker`, `beat`, `sandbox`), the broker and the database."""

    def __init__(self, *, database: str, folder: Path, settings: dict[str, str]) -> None:
        self.database = database
        self.folder = folder
        # With persistence, as in a deployment: it holds the spool while the database is
        # unavailable.
        kept = folder / "valkey"
        kept.mkdir(exist_ok=True)
        self.valkey = Valkey(folder=kept, persist=True)
        self._port, self._sandbox_port = free_port(), free_port()
        self.url = f"http://{HOST}:{self._port}"
        self.sandbox_url = f"http://{HOST}:{self._sandbox_port}"
        self.environ = os.environ | self._settings() | settings
        self._processes = {
            name: Process(name, command, environ=self.environ, folder=folder)
            for name, command in self._commands().items()
        }
        self.web, self.worker = self._processes["web"], self._processes["worker"]
        self.beat, self.sandbox = self._processes["beat"], self._processes["sandbox"]
        self._console: Console | None = None
        self._broker = self.valkey.url

    def _settings(self) -> dict[str, str]:
        return {
            "PUBLIC_URL": self.url,
            "DATABASE_URL": self.database,
            "REDIS_URL": self.valkey.url,
            "SFMC_AUTH_URL": self.sandbox_url,
            "SFMC_SOAP_URL": self.sandbox_url,
            "SFMC_TIMEOUT": "30",
            "SWEEP_SECONDS": "1",
            "CELERY_BEAT_SCHEDULE": str(self.folder / "schedule"),
            "LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
            "WEB_CONCURRENCY": "2",
            "PROMETHEUS_MULTIPROC_DIR": str(self._metrics()),
        }

    def _metrics(self) -> Path:
        folder = self.folder / "metrics"
        folder.mkdir(exist_ok=True)
        return folder

    def _commands(self) -> dict[str, list[str]]:
        celery = [tool("celery"), "-A", "profilecenter"]
        gunicorn = [tool("gunicorn"), "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"]
        state = str(self.folder / "sandbox.jsonl")
        sandbox = ["sandbox", "--port", str(self._sandbox_port), "--state", state]
        sandbox += ["--subscribers", "3000"]
        return {
            "sandbox": [sys.executable, "manage.py", *sandbox],
            "web": [*gunicorn, "--bind", f"{HOST}:{self._port}"],
            "worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"],
            "beat": [*celery, "beat", "--loglevel", "INFO"],
        }

    def start(self) -> None:
        """Start everything and wait until it answers."""
        self.start_with_broker(self.valkey.url)

    def start_with_broker(self, broker: str) -> None:
        """Start everything, where the worker is reached by another address of the broker."""
        self._broker = broker
        self.valkey.start()
        for process in self._processes.values():
            process.start()
        self.wait_for_sandbox()
        self.wait_for_web()
        self.wait_for_worker()

    def wait_for_sandbox(self) -> None:
        """Wait until the sandbox answers."""
        self._wait("sandbox", lambda: answers(f"{self.sandbox_url}/healthz"))

    def wait_for_web(self) -> None:
        """Wait until the pages, their database and their broker answer."""
        self._wait("web", lambda: answers(f"{self.url}/readyz"))

    def wait_for_worker(self) -> None:
        """Wait until a worker answers a ping."""
        self._wait("worker", lambda: worker_answers(self._broker))

    def _wait(self, name: str, probe: Any) -> None:
        try:
            wait_for(name, probe, seconds=2 * PATIENCE)
        except AssertionError as err:
            raise AssertionError(f"{err}; its log:\n{self._processes[name].log[-3000:]}") from None

    def second_worker(self) -> Process:
        """Start another worker on the same queue. Return it; `stop` ends it."""
        command = [*self._commands()["worker"], "--hostname", "second@%h"]
        second = Process("second", command, environ=self.environ, folder=self.folder)
        self._processes["second"] = second
        second.start()
        return second

    def stop(self) -> None:
        """Stop everything; the logs stay in `folder`."""
        if self._console is not None:
            self._console.close()
        for process in reversed(self._processes.values()):
            process.kill()
        self.valkey.close()

    def page_url(self) -> str:
        """Return the address of a web server that takes the next request."""
        return self.url

    # Links of an email

    def link(self, subscriber: int, /, *, seal: bool = False, **changes: Any) -> str:
        """Return the signed link of an email of the newest weekly job, with `changes`."""
        fields: dict[str, Any] = {
            "mid": PARENT,
            "subscriber": SubscriberContext(subscriber_id=subscriber),
            "job": JobContext(job_id=NEWEST_WEEKLY_JOB, list_id=WEEKLY, batch_id=0),
            "scope": Scope.LIST,
            "scope_is_explicit": True,
        } | changes
        keys = Keyring.from_json(json.loads(self.environ["LINK_KEYS"]))
        return f"{self.url}/u/{sign_link(UnsubContext(**fields), keys=keys, seal=seal)}"

    def one_click(self, link: str) -> tuple[int, dict[str, str]]:
        """Send the POST of RFC 8058. Return status and headers."""
        request = urllib.request.Request(link, data=b"List-Unsubscribe=One-Click", method="POST")
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            return response.status, {
                name.lower(): value for name, value in response.headers.items()
            }

    # Commands of an operator

    def manage(self, *arguments: str) -> str:
        """Return the output of a manage.py command. Fails the test where it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environ,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def shell(self, code: str) -> None:
        """Run Python code with the models loaded. Fails the test where it raises.

        One process runs all of a deployment's code: to start one takes over a second.
        """
        if self._console is None:
            self._console = Console(environ=self.environ)
        self._console.run(code)

    def audit(self) -> Rows:
        """Return the rows of `export_audit`."""
        file = self.folder / "audit.jsonl"
        self.shell(EXPORT.format(file=str(file)))
        return [json.loads(line) for line in file.read_text().splitlines()]

    def audit_of(self, subscriber: int) -> dict[str, Any]:
        """Wait for the only request of a subscriber to be in a final state; return its row of
        `export_audit`."""
        wait_for(
            f"a finished request of {subscriber}",
            lambda: [status for _, status in self.query(REQUESTS, subscriber)] in FINAL,
        )
        ids = {str(row_id) for row_id, _ in self.query(REQUESTS, subscriber)}
        rows = [row for row in self.audit() if str(row["id"]) in ids]
        assert [row["status"] for row in rows] in FINAL, rows
        return rows[0]

    def story(self, subscriber: int) -> list[str]:
        """Return the outcomes of all attempts for a subscriber, in order; "" for one under way."""
        return [str(outcome or "") for (outcome,) in self.query(STORY, subscriber)]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query; `{mark}` in the SQL is the parameter placeholder."""
        if self.database.startswith("sqlite"):
            with sqlite3.connect(urlsplit(self.database).path) as lite:
                rows = lite.execute(sql.format(mark="?"), values).fetchall()
            lite.close()
            return rows
        with psycopg.connect(self.database) as connection:
            return connection.execute(sql.format(mark="%s"), values).fetchall()

    # What Marketing Cloud received

    def events(self) -> Rows:
        """Return the sandbox's UnsubEvents, newest last."""
        rows: Rows = _json(f"{self.sandbox_url}/events.json")
        return rows

    def masters(self) -> Rows:
        """Return the sandbox's master unsubscribes without an event, newest last."""
        rows: Rows = _json(f"{self.sandbox_url}/masters.json")
        return rows

    def event_of(self, subscriber: int) -> dict[str, Any]:
        """Wait for the only UnsubEvent of a subscriber and return it. Fails where there are
        several."""
        found = wait_for(
            f"the event of {subscriber}",
            lambda: [e for e in self.events() if e["subscriber_id"] == subscriber],
        )
        assert len(found) == 1, found
        return found[0]

    def cue(self, kind: str, **options: Any) -> None:
        """Inject a fault into the sandbox."""
        _json(f"{self.sandbox_url}/faults", {"kind": kind} | options)

    def cues(self) -> Rows:
        """Return the faults that are still to come."""
        rows: Rows = _json(f"{self.sandbox_url}/faults")
        return rows

    def clear_cues(self) -> None:
        """Remove all faults from the sandbox."""
        request = urllib.request.Request(f"{self.sandbox_url}/faults", method="DELETE")
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
            pass

    def calls(self) -> dict[str, Any]:
        """Return the sandbox's call counts."""
        counts: dict[str, Any] = _json(f"{self.sandbox_url}/calls.json")
        return counts


def _json(url: str, payload: dict[str, Any] | None = None) -> Any:
    data = None if payload is None else json.dumps(payload).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
        body = response.read()
    return json.loads(body) if body else None
