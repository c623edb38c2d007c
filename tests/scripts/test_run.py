"""Error messages of `make run` where it cannot start."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import environment
from scripts.run import EXIT_BUSY, BusyError, choose_ports, forget, main
from scripts.servers import HOST, free_port
from scripts.steps import ROOT

# One process ends at once; the other ends once and then lasts.
MANAGER = """
import os, sys, tempfile
import honcho.manager
from scripts import run
honcho.manager.KILL_WAIT = 120  # seconds until SIGKILL: five are too few on a busy machine
run.FIRST_PAUSE = 0.05
once = tempfile.mktemp()
manager = run.Processes(then=lambda: None)
manager.add_process("short", "exit 3")
manager.add_process("long", f"test -e {once} && rm {once} && exec sleep 600; touch {once}")
manager.loop()
sys.exit(manager.returncode)
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is in use."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port: int = other.getsockname()[1]
        yield port


def test_a_port_in_use_is_named_with_the_way_to_choose_another(taken: int) -> None:
    wanted = {"PORT": str(taken), "SANDBOX_PORT": str(free_port())}
    with pytest.raises(BusyError, match=rf"{taken} \(PORT\).*make run PORT=\d+"):
        choose_ports(wanted)


def test_all_ports_in_use_are_named_at_once(taken: int) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        wanted = {"PORT": str(taken), "SANDBOX_PORT": str(other.getsockname()[1])}
        with pytest.raises(BusyError, match=r"\(PORT\) and \d+ \(SANDBOX_PORT\)"):
            choose_ports(wanted)


@pytest.mark.parametrize("port", ["web", "70000", "-1", "٨٠٠٠"])
def test_an_invalid_port_is_refused(port: str) -> None:
    with pytest.raises(BusyError, match="PORT must be"):
        choose_ports({"PORT": port})


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--emtpy"]) == EXIT_BUSY
    assert "the only argument is --empty" in capsys.readouterr().err


def test_empty_forgets_what_earlier_runs_stored_and_keeps_keys_and_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "VAR", tmp_path)
    (tmp_path / "valkey").mkdir()
    (tmp_path / "valkey" / "appendonly.aof").touch()
    for name in ("db.sqlite3", "db.sqlite3-wal", "sandbox.jsonl", "run.env"):
        (tmp_path / name).touch()
    forget()
    assert [one.name for one in tmp_path.iterdir()] == ["run.env"]


def test_one_port_cannot_be_used_twice() -> None:
    port = str(free_port())
    with pytest.raises(BusyError, match="differ"):
        choose_ports({"PORT": port, "SANDBOX_PORT": port})


def test_a_process_that_ends_is_started_again_until_the_manager_is_stopped() -> None:
    command = [sys.executable, "-c", MANAGER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as manager:
        try:
            assert manager.stdout is not None
            lines = iter(manager.stdout.readline, "")
            for _ in range(2):
                assert any("short ended (status 3); starting it again in" in one for one in lines)
            manager.send_signal(signal.SIGINT)
            rest = "".join(lines)
            assert manager.wait(timeout=180) == 130
        finally:
            manager.kill()
    # Also one that was started again ends by SIGTERM, without a wait for SIGKILL.
    assert "SIGTERM to long" in rest
    assert "SIGKILL" not in rest


def test_a_manager_stopped_while_it_starts_ends_all_processes() -> None:
    at_once = MANAGER.replace("lambda: None", "lambda: os.kill(os.getpid(), signal.SIGINT)")
    command = [sys.executable, "-c", at_once.replace("import os", "import os, signal")]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 130, ended.stderr
    assert "SIGTERM to long" in ended.stdout
    assert ended.stderr == ""


def test_the_broker_gets_a_free_port() -> None:
    ports = choose_ports({"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())})
    assert len({ports.web, ports.sandbox, ports.redis}) == 3
