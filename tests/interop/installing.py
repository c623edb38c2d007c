"""Install the clients into var/interop, once for each content of their locks."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.steps import ROOT

HERE = Path(__file__).parent
TARGET = ROOT / "var" / "interop"


class InstallError(Exception):
    """The clients could not be installed; the message says what failed."""


def node() -> Path:
    """Return the folder with node_modules. Needs npm. Raises InstallError."""
    names = (".npmrc", "package.json", "package-lock.json")
    folder = TARGET / f"node-{_digest(names)}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(HERE / name, folder)
        _run(("npm", "ci", "--ignore-scripts", "--no-progress"), folder)
        (folder / "complete").touch()
    for program in (HERE / "clients").glob("*js"):
        # A module finds its packages beside itself.
        shutil.copy(program, folder)
    return folder


def python() -> Path:
    """Return the folder with the Python packages. Raises InstallError."""
    folder = TARGET / f"python-{_digest(('requirements.txt',))}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        options = ("--no-deps", "--require-hashes", "--upgrade", "--target", str(folder))
        _run((*pip, *options, "--requirement", str(HERE / "requirements.txt")), folder)
        (folder / "complete").touch()
    return folder


def _digest(names: Sequence[str]) -> str:
    content = b"".join((HERE / name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()[:12]


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as err:
        raise InstallError(f"{command[0]}: {type(err).__name__}") from None
    if done.returncode:
        raise InstallError(f"{' '.join(command[:2])} failed: {done.stderr[-400:]}")
