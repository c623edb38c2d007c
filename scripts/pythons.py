"""The Pythons of this machine: on PATH, and of pyenv if it is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")


def find(version: str) -> str | None:
    """Return the path of a CPython of this minor version, such as 3.12, or None if there is none.

    The running one comes first, then PATH, then pyenv.
    """
    candidates = (
        str(Path(sys.base_prefix) / "bin" / f"python{version}"),
        shutil.which(f"python{version}"),
        _of_pyenv(version),
    )
    return next((path for path in candidates if path and _is(path, version)), None)


def _of_pyenv(version: str) -> str | None:
    if not shutil.which("pyenv"):
        return None
    prefix = _output("pyenv", "prefix", version)
    return str(Path(prefix) / "bin" / "python") if prefix else None


def _is(path: str, version: str) -> bool:
    """Return whether this runs, and is that version. pyenv has shims of inactive versions, too."""
    tell = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    return _output(path, "-c", tell) == f"cpython {version.replace('.', ' ')}"


def _output(*command: str) -> str:
    """Return the output of a command, or "" if it fails."""
    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
