"""The image's files in a folder, and its commands as processes on this machine.

They run with the packages of the image only: an environment made of requirements/base.txt, on the
Dockerfile's Python version where this machine has it. Packages of the development environment are
not available to them.
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
    """The files that the build makes, and the environment of a deployment."""

    folder: Path
    environ: dict[str, str]

    def with_settings(self, **settings: str) -> "Image":
        """Return the same files with these settings added or changed."""
        return replace(self, environ=self.environ | settings)

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Return a command that has ended, with any status."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environ | environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    @contextmanager
    def started(self, name: str, command: list[str]) -> Iterator["Running"]:
        """Yield a running process, which is killed at the end of the block."""
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
    """A process and its log."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def log(self) -> str:
        """The output so far."""
        return self.file.read_text(errors="replace")

    def wait_until(self, probe: Callable[[], bool]) -> None:
        """Wait until `probe` is true. Fails the test where the process ends, or after PATIENCE
        seconds."""
        until = time.monotonic() + PATIENCE
        while not probe():
            assert self.process.poll() is None, self.log[-2000:]
            if time.monotonic() > until:
                raise AssertionError(f"not within {PATIENCE} s: {self.log[-2000:]}")
            time.sleep(0.1)

    def terminate(self) -> int:
        """Send SIGTERM, as `docker stop` does, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


def build(folder: Path, *, redis_url: str) -> Image:
    """Return the image's files, made by the Dockerfile's own COPY and RUN instructions."""
    context = folder / "context"
    context.mkdir()
    for source in sources():
        _copy(ROOT / source, context / source)
    # At build time there are no settings but those in the instruction itself.
    builder = Image(folder=context, environ=_machine(folder, runtime(), build_tools()))
    for step in build_steps():
        made = builder.run("sh", "-euc", _at_home(step))
        assert made.returncode == 0, made.stderr[-2000:]
    return Image(folder=context, environ=_machine(folder, runtime()) | _settings(folder, redis_url))


def image_python() -> str:
    """Return the version of the base image's Python, such as 3.12."""
    return next(
        found[1]
        for line in instructions("ARG")
        if (found := re.match(r"PYTHON_IMAGE=python:(3\.\d+)", line))
    )


def python() -> str:
    """Return the path of the Python that the processes run on: of the image's version, else that of
    the tests."""
    return pythons.find(image_python()) or sys.executable


def runtime() -> Path:
    """Return the bin folder of an environment with the image's packages only."""
    return environments.kept(python=python(), lock=ROOT / "requirements" / "base.txt")


def build_tools() -> Path:
    """Return the bin folder of the environment that builds the image."""
    return environments.kept(python=python(), lock=ROOT / "requirements" / "build.txt")


def sources() -> list[str]:
    """Return the files that the image copies from the checkout."""
    lines = (line.split() for line in instructions("COPY") if not line.startswith("--from"))
    return [word for *words, _ in lines for word in words]


def build_steps() -> list[str]:
    """Return the RUN instructions that make files from the sources: catalogues and static files."""
    return [line for line in instructions("RUN") if "pybabel" in line or "collectstatic" in line]


def _at_home(step: str) -> str:
    """Return a RUN instruction with this machine's environments in place of the image's."""
    step = re.sub(r"/opt/venv/bin\b", str(runtime()), step)
    return re.sub(r"/opt/[\w-]+/bin\b", str(build_tools()), step)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=IGNORED)
    else:
        shutil.copy(source, target)


def _machine(folder: Path, *programs: Path) -> dict[str, str]:
    """Return an environment that has only the paths of programs from this machine."""
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
        "CACHE_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "CELERY_BEAT_SCHEDULE": str(folder / "celerybeat-schedule"),
        "SWEEP_SECONDS": "1",
        "WEB_CONCURRENCY": "2",
    }
