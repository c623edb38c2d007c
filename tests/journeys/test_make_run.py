"""`make run`, as on a fresh machine."""

import json
import os
import re
import signal
import sqlite3
import sys
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from scripts.servers import HOST, free_port, is_open
from tests.journeys.processes import Process, wait_for

ONE_CLICK = re.compile(r"curl -i -d List-Unsubscribe=One-Click (\S+)")

WORKER = re.compile(r"worker started \(pid=(\d+)\)")
WORKER_AGAIN = re.compile(r"(?s)worker ended \(status -9\); starting it again.*" + WORKER.pattern)


def _run(folder: Path, *arguments: str, **environ: str) -> Process:
    command = [sys.executable, "-m", "scripts.run", *arguments]
    return Process("run", command, environ=os.environ | environ, folder=folder)


def _stop(run: Process) -> None:
    """Stop all that a run has started, also where the test fails in the middle of it."""
    if run.is_running:
        with suppress(AssertionError):
            run.end(signal.SIGTERM, seconds=120)
    run.kill()


def _events(port: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://{HOST}:{port}/events.json", timeout=60) as response:
        events: list[dict[str, Any]] = json.load(response)
    return events


def _numbers(folder: Path) -> tuple[int, set[str]]:
    """Return how many requests the database has, and the causes of the open alarms."""
    with closing(sqlite3.connect(folder / "var" / "db.sqlite3")) as database:
        [(requests,)] = database.execute("SELECT count(*) FROM unsub_subscriberrequest")
        alarms = database.execute("SELECT cause FROM unsub_alarm WHERE cleared_at IS NULL")
        return requests, {cause for (cause,) in alarms}


@pytest.mark.parametrize(
    ("number", "arguments"), [(signal.SIGINT, ()), (signal.SIGTERM, ("--empty",))]
)
def test_make_run_prints_working_links_and_stops_all_servers_at_the_end(
    tmp_path: Path, number: signal.Signals, arguments: tuple[str, ...]
) -> None:
    names = ("PORT", "SANDBOX_PORT", "REDIS_PORT")
    ports = {name: free_port() for name in names}
    environ = {name: str(port) for name, port in ports.items()}
    run = _run(tmp_path, *arguments, VAR=str(tmp_path / "var"), **environ)
    run.start()
    try:
        found = run.wait_for_words(ONE_CLICK, seconds=300)
        requests, alarms = _numbers(tmp_path)
        if arguments:
            assert requests == 0
        else:
            assert requests > 1000
            assert {"held", "late", "refused"} <= alarms
        request = urllib.request.Request(found[1], data=b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.status == 200
        events = wait_for("the event", lambda: _events(ports["SANDBOX_PORT"]))
        assert [(event["job_id"], event["list_id"]) for event in events] == [(88002, 7001)]
        worker = int(run.wait_for_words(WORKER, seconds=60)[1])
        os.kill(worker, signal.SIGKILL)
        again = int(run.wait_for_words(WORKER_AGAIN, seconds=120)[1])
        assert again != worker
        assert run.end(number, seconds=120) == 0
    finally:
        _stop(run)
    assert not any(is_open(port) for port in ports.values())
    assert (tmp_path / "var" / "run.env").stat().st_mode & 0o077 == 0
