"""Virtual environments made of one lock."""

import fcntl
import hashlib
import subprocess
from pathlib import Path

from scripts.install import BIN, uv_environ
from scripts.steps import ROOT

# The next run finds them again; `make clean` removes them.
CACHE = ROOT / "var" / "environments"


def fill(folder: Path, *, python: str, lock: Path) -> Path:
    """Make a virtual environment that holds exactly what the lock says; return its bin folder.

    Fails the test, with uv's own words, where the lock cannot be installed.
    """
    environ = uv_environ() | {"VIRTUAL_ENV": str(folder), "UV_PYTHON": str(folder / "bin/python")}
    uv = str(BIN / "uv")
    for command in (
        ("venv", "--quiet", "--clear", "--python", python, str(folder)),
        ("pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", str(lock)),
    ):
        done = subprocess.run(
            [uv, *command], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{lock.name} on {python}: {done.stderr[-2000:]}"
    return folder / "bin"


def kept(*, python: str, lock: Path) -> Path:
    """Return the bin folder of such an environment, made anew only where the lock has changed."""
    mark = hashlib.sha256(b"\0".join((python.encode(), lock.read_bytes()))).hexdigest()
    folder = CACHE / f"{lock.stem}-{mark[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    complete = folder / "complete"
    with (CACHE / f"{folder.name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not complete.exists():
            fill(folder, python=python, lock=lock)
            complete.touch()
    return folder / "bin"
