"""The image's files in a folder, and its commands as processes on this machine.

They run on the packages of the image alone: an environment made of requirements/base.txt, on the
Python of the Dockerfile where this machine has it. What is only in the development environment is
not there for them.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import pythons
from scripts.check import deployment_environ
from scripts.steps import ROOT
from tests import environments
from tests.deploy.files import instructions

PATIENCE = 90.0
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.mo", ".*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What the build makes, and the environment of a deployment."""

    folder: Path
    environ: dict[str, str]

    def with_settings(self, **settings: str) -> "Image":
        """Return the same files with further settings, or other ones."""
        return replace(self, environ=self.environ | settings)

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Return a command that has ended, whatever its status."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environ | environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    @contextmanager
    def started(self, name: str, command: list[str]) -> Iterator["Running"]:
        """Give a running process; it has ended when the block has."""
        log = self.folder.parent / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            yield Running(process=process, file=log)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process, and what it has written."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.file.read_text(errors="replace")

    def wait_until(self, probe: Callable[[], bool]) -> None:
        """Return once `probe` says yes. Fails the test where the process ends, or takes long."""
        until = time.monotonic() + PATIENCE
        while not probe():
            assert self.process.poll() is None, self.log[-2000:]
            assert time.monotonic() < until, self.log[-2000:]
            time.sleep(0.1)

    def terminate(self) -> int:
        """Return the exit status after SIGTERM, which is what `docker stop` sends."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


def build(folder: Path, *, redis_url: str) -> Image:
    """Return the image's files, made by the Dockerfile's own COPY and RUN lines."""
    context = folder / "context"
    context.mkdir()
    for source in sources():
        _copy(ROOT / source, context / source)
    # At build time there is no setting but what the line itself gives.
    builder = Image(folder=context, environ=_machine(folder, runtime(), build_tools()))
    for step in build_steps():
        made = builder.run("sh", "-euc", _at_home(step))
        assert made.returncode == 0, made.stderr[-2000:]
    return Image(folder=context, environ=_machine(folder, runtime()) | _settings(folder, redis_url))


def image_python() -> str:
    """Return the version of the base image's Python, such as 3.12."""
    return next(
        found[1] for line in instructions("FROM") if (found := re.match(r"python:(3\.\d+)", line))
    )


def python() -> str:
    """Return the path of the Python that the processes run on: the image's version, or ours."""
    return pythons.find(image_python()) or sys.executable


def runtime() -> Path:
    """Return the bin folder of an environment with what the image runs on, and nothing else."""
    return environments.kept(python=python(), lock=ROOT / "requirements" / "base.txt")


def build_tools() -> Path:
    """Return the bin folder of the environment that the image is built with."""
    return environments.kept(python=python(), lock=ROOT / "requirements" / "build.txt")


def sources() -> list[str]:
    """Return what the image takes from the checkout."""
    lines = (line.split() for line in instructions("COPY") if not line.startswith("--from"))
    return [word for *words, _ in lines for word in words]


def build_steps() -> list[str]:
    """Return the RUN lines that make files out of the sources: catalogues and static files."""
    return [line for line in instructions("RUN") if "pybabel" in line or "collectstatic" in line]


def _at_home(step: str) -> str:
    """Return a RUN line with the environments of this machine instead of those of the image."""
    step = re.sub(r"/opt/venv/bin\b", str(runtime()), step)
    return re.sub(r"/opt/[\w-]+/bin\b", str(build_tools()), step)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=IGNORED)
    else:
        shutil.copy(source, target)


def _machine(folder: Path, *programs: Path) -> dict[str, str]:
    """Return an environment with nothing of this machine's but where its programs are."""
    return {
        "PATH": os.pathsep.join([*map(str, programs), os.defpath]),
        "HOSTNAME": socket.gethostname(),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _settings(folder: Path, redis_url: str) -> dict[str, str]:
    """Return the settings of a deployment."""
    return deployment_environ() | {
        "REDIS_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "CELERY_BEAT_SCHEDULE": str(folder / "celerybeat-schedule"),
        "SWEEP_SECONDS": "1",
        "WEB_CONCURRENCY": "2",
    }
