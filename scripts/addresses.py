"""Look for addresses in the locks and the tools' settings.

Where packages come from is each machine's own affair: a lock that names a server works only for
those who reach it, and tells everybody else where somebody works.
"""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from .steps import ROOT, say

ADDRESS = re.compile(r"[a-z+]+://[^\s\"'\\]+", re.IGNORECASE)
OPTION = re.compile(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b")
LOCKS = ("requirements/*",)
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
# These lead nowhere else.
LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[::1\]|([\w-]+\.)*example\.(com|org|net)")


def main() -> int:
    """Return 1 where a lock names any address, or a tool's setting one that is not local."""
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
    """Return the places of a file that name an address, without repeating it."""
    name = path.relative_to(ROOT)
    return [
        f"{name}:{number}: names an address"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if OPTION.search(line) or any(local_too or not _is_local(a) for a in ADDRESS.findall(line))
    ]


def _is_local(address: str) -> bool:
    return bool(LOCAL.fullmatch(urlsplit(address).hostname or ""))


if __name__ == "__main__":
    sys.exit(main())
