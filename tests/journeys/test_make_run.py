"""`make run`, as on a fresh machine."""

import json
import os
import re
import signal
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from scripts.servers import HOST, free_port, is_open
from tests.journeys.processes import Process, wait_for

ONE_CLICK = re.compile(r"curl -i -d List-Unsubscribe=One-Click (\S+)")

WORKER = re.compile(r"worker started \(pid=(\d+)\)")
WORKER_AGAIN = re.compile(r"(?s)worker ended \(status -9\); starting it again.*" + WORKER.pattern)


def _run(folder: Path, **environ: str) -> Process:
    command = [sys.executable, "-m", "scripts.run"]
    return Process("run", command, environ=os.environ | environ, folder=folder)


def _events(port: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://{HOST}:{port}/events.json", timeout=5) as response:
        events: list[dict[str, Any]] = json.load(response)
    return events


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_make_run_prints_working_links_and_stops_all_servers_at_the_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    names = ("PORT", "SANDBOX_PORT", "REDIS_PORT")
    ports = {name: free_port() for name in names}
    environ = {name: str(port) for name, port in ports.items()}
    run = _run(tmp_path, VAR=str(tmp_path / "var"), **environ)
    run.start()
    try:
        found = run.wait_for_words(ONE_CLICK, seconds=120)
        request = urllib.request.Request(found[1], data=b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200
        events = wait_for("the event", lambda: _events(ports["SANDBOX_PORT"]))
        assert [(event["job_id"], event["list_id"]) for event in events] == [(88002, 7001)]
        worker = int(run.wait_for_words(WORKER, seconds=5)[1])
        os.kill(worker, signal.SIGKILL)
        again = int(run.wait_for_words(WORKER_AGAIN, seconds=30)[1])
        assert again != worker
        assert run.end(number, seconds=20) == 0
    finally:
        run.kill()
    assert not any(is_open(port) for port in ports.values())
    assert (tmp_path / "var" / "run.env").stat().st_mode & 0o077 == 0
