"""A deployment that cannot deliver does not start, and says why in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.servers import HOST, free_port
from scripts.steps import ROOT, tool

# kombu's Redis transport imports it. gunicorn and Celery themselves start without it.
MISSING = "packaging"
GUNICORN = [tool("gunicorn"), "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"]
CELERY = [tool("celery"), "-A", "profilecenter"]
PROGRAMS = {"web": GUNICORN, "worker": [*CELERY, "worker"], "beat": [*CELERY, "beat"]}


@pytest.fixture
def without_packaging(tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment in which that package cannot be imported."""
    module = tmp_path / "missing" / f"{MISSING}.py"
    module.parent.mkdir()
    module.write_text(f"raise ModuleNotFoundError('No module named', name={MISSING!r})\n")
    return os.environ | {
        "PYTHONPATH": str(module.parent),
        "LOG_FORMAT": "json",
        "PORT": str(free_port()),
        "GUNICORN_CMD_ARGS": f"--bind {HOST}:{free_port()} --workers 1",
        "CELERY_BEAT_SCHEDULE": str(tmp_path / "schedule"),
    }


def run(command: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Return a command that has ended by itself."""
    return subprocess.run(
        command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_process_without_a_broker_transport_ends_with_one_clear_line(
    name: str, without_packaging: dict[str, str]
) -> None:
    done = run(PROGRAMS[name], without_packaging)
    assert done.returncode != 0
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = [line for line in lines if line["level"] == "critical"]
    assert len(told) == 1, done.stderr
    assert "CELERY_BROKER_TRANSPORT" in told[0]["event"]
    assert f"the module {MISSING} is missing" in told[0]["event"]


def test_gunicorn_s_check_of_its_configuration_fails_as_well(
    without_packaging: dict[str, str],
) -> None:
    done = run([*GUNICORN, "--check-config"], without_packaging)
    assert done.returncode != 0
    assert "CELERY_BROKER_TRANSPORT" in done.stderr


def test_the_system_check_names_the_missing_module(without_packaging: dict[str, str]) -> None:
    done = run([sys.executable, "manage.py", "check"], without_packaging)
    assert done.returncode != 0
    assert "unsub.E004" in done.stderr
    assert f"the module {MISSING} is missing" in done.stderr
