"""Create .venv from the hashed locks; needs only the Python of a fresh machine.

    python3 scripts/install.py

pip installs uv, uv installs the rest: only wheels and archives whose hashes are in the locks, from
the package index of the machine's pip configuration.
"""

import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / "installed"
UV_LOCK = ROOT / "requirements" / "uv.txt"
LOCK = ROOT / "requirements" / "dev.txt"

# pip's option -> uv's variable. uv does not read pip's configuration.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
COMMA_SEPARATED = {"UV_FIND_LINKS"}


def main() -> int:
    """Return 0 once .venv has exactly the packages of the lock; at once if it has them already."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file alone runs on whatever is there
        return _fail(f"Python 3.11 or newer is needed; {sys.executable} is older. PYTHON= names it")
    wanted = _fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return 0
    try:
        _fill()
    except subprocess.CalledProcessError as err:
        return _fail(f"{Path(err.cmd[0]).name} {err.cmd[1]} {err.cmd[2]} failed: see above")
    STAMP.write_text(wanted)
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(f"install: {sentence}.\n")
    return 1


def _fingerprint() -> str:
    """Return a digest; if it is unchanged, an existing .venv is kept."""
    files = (LOCK, UV_LOCK, Path(__file__), *sorted(ROOT.glob("locale/*/LC_MESSAGES/django.po")))
    parts = *(file.read_bytes() for file in files), str(ROOT).encode(), sys.version.encode()
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _fill() -> None:
    if not (BIN / "pip").exists():
        _say("creating .venv")
        _run(sys.executable, "-m", "venv", "--clear", str(VENV))
    python = str(BIN / "python")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    _say("installing uv")
    _run(python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(UV_LOCK))
    _say(f"installing {LOCK.relative_to(ROOT)}")
    STAMP.unlink(missing_ok=True)
    # Compiled once: with PYTHONDONTWRITEBYTECODE every process would compile them again.
    sync = ("pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", str(LOCK))
    _run(str(BIN / "uv"), *sync, env=uv_environ())
    _say("compiling the translations")
    compiler = str(BIN / "pybabel")
    _run(compiler, "--quiet", "compile", "--directory", "locale", "--domain", "django")


def _say(what: str) -> None:
    sys.stderr.write(f"install: {what} ...\n")


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, check=True)  # noqa: S603


def uv_environ() -> dict[str, str]:
    """Return an environment in which uv uses the indexes and certificates of pip."""
    environ = {
        "UV_PYTHON_DOWNLOADS": "never",
        # Like pip: all indexes are equal, and the hash decides what may be installed.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    for option, value in _pip_configuration().items():
        name = UV_NAMES.get(option)
        if name:
            separator = "," if name in COMMA_SEPARATED else " "
            environ[name] = separator.join(value.split())
    # Variables of uv itself take precedence over all of this.
    ours = {"VIRTUAL_ENV": str(VENV), "UV_PYTHON": str(BIN / "python")}
    return environ | os.environ | ours


def _pip_configuration() -> dict[str, str]:
    """Return pip's options by name; later sources override: files, [install], PIP_* variables."""
    listing = subprocess.run(  # noqa: S603
        [str(BIN / "python"), "-m", "pip", "config", "list"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    found: dict[tuple[int, str], str] = {}
    rank = {"global": 0, "install": 1, ":env:": 2}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in rank:
            found[rank[section], option] = str(ast.literal_eval(value))
    return {option: found[place, option] for place, option in sorted(found)}


if __name__ == "__main__":
    sys.exit(main())
