"""Find URLs in the locks and the tools' settings.

Each machine has its own package index: a lock with a URL works only for those who can reach it, and
reveals to all others where its author works.
"""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from .steps import ROOT, say

ADDRESS = re.compile(r"[a-z+]+://[^\s\"'\\]+", re.IGNORECASE)
OPTION = re.compile(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b")
LOCKS = ("requirements/*", "tests/interop/*lock.json", "tests/interop/requirements.txt")
TOOLS = (
    "pyproject.toml",
    "Makefile",
    ".ci/*",
    "Dockerfile",
    "*.cfg",
    "*.ini",
    "uv.toml",
    "pip.conf",
)
# Allowed: these hosts are local or reserved.
LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[::1\]|([\w-]+\.)*example\.(com|org|net)")


def main() -> int:
    """Return 1 if a lock has any URL, or a tool's setting one that is not local, else 0."""
    findings = [
        *(f for path in _paths(LOCKS) for f in _in(path, local_too=True)),
        *(f for path in _paths(TOOLS) for f in _in(path, local_too=False)),
    ]
    for finding in findings:
        say(finding)
    return 1 if findings else 0


def _paths(patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


def _in(path: Path, *, local_too: bool) -> list[str]:
    """Return the lines of a file that have a URL, without repeating it."""
    name = path.relative_to(ROOT)
    return [
        f"{name}:{number}: has a URL"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if OPTION.search(line) or any(local_too or not _is_local(a) for a in ADDRESS.findall(line))
    ]


def _is_local(address: str) -> bool:
    return bool(LOCAL.fullmatch(urlsplit(address).hostname or ""))


if __name__ == "__main__":
    sys.exit(main())
