"""A file of many rows, a process that is killed, and another that goes on."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from scripts.steps import ROOT
from tests.journeys.deployment import NEWEST_WEEKLY_JOB, PARENT, Deployment
from tests.journeys.processes import wait_for

ROWS = 60_000
MEMORY = 250_000  # kB: Django itself takes most of it


def test_a_killed_run_goes_on_and_its_memory_stays_small(
    shared: Deployment, tmp_path: Path
) -> None:
    rows = (f"{PARENT},{number},{NEWEST_WEEKLY_JOB}\n" for number in range(1, ROWS + 1))
    (tmp_path / "in.csv").write_text("mid,sid,jid\n" + "".join(rows))
    files = (str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    state = tmp_path / "out.csv.state"
    with subprocess.Popen(
        [sys.executable, "manage.py", "sign_links", *files], cwd=ROOT, env=shared.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        wait_for("a first note of how far it came", state.exists, seconds=60)
        memory = Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(signal.SIGKILL)
    assert int(memory.split("VmHWM:")[1].split()[0]) < MEMORY
    saved = json.loads(state.read_text())["line"]
    assert 1 < saved < ROWS
    said = shared.manage("sign_links", *files, "--resume")
    assert f"{ROWS:,} links written" in said
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert len(lines) == ROWS + 1
    assert [line.split(",")[1] for line in lines[1:]] == [str(n) for n in range(1, ROWS + 1)]
