"""Every test, from the fastest suite to the slowest. Arguments are passed to each pytest.

First the packages without Django, then the app on SQLite and on PostgreSQL, the commands of a
deployment, and journeys with real processes and a real browser.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from . import browser
from .steps import ROOT, Step, files, say, tool

# Folders named like the packages that they test.
APP = (
    "accounts",
    "admin",
    "alerting",
    "delivery",
    "gateway",
    "management",
    "models",
    "outbox",
    "reporting",
    "web",
)

# title, folders, further options of pytest
Suite: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...]]
PACKAGE_SUITES: tuple[Suite, ...] = (
    (
        "the packages without Django",
        ("links", "domain", "sfmc", "sandbox", "scripts"),
        ("-p", "no:django", "-n", "2"),
    ),
    ("the app on SQLite", APP, ("-n", "2")),
    ("the app on PostgreSQL", APP, ("-n", "2", "--database=postgresql")),
)
SUITES: tuple[Suite, ...] = (
    *PACKAGE_SUITES,
    ("the deployment", ("deploy",), ()),
    ("whole journeys", ("journeys",), ("--database=postgresql",)),
    ("chaos", ("chaos",), ("-p", "no:django", "-s")),
)
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Return 0 if every suite passed, else the status of the first that failed."""
    if strays := _strays():
        say(f"no suite contains {', '.join(strays)}: see scripts/test.py")
        return 1
    if (found := browser.ensure()) is None:
        say("no browser found, and none could be installed: the journeys will fail")
    environ = {"PROFILECENTER_BROWSER": found or ""}
    ran = False
    for suite in SUITES:
        status = run(suite, arguments, environ)
        if status and not (arguments and status == NOTHING_COLLECTED):
            return status
        ran = ran or not status
    return 0 if ran else NOTHING_COLLECTED


def run(suite: Suite, arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Return the status of pytest for one suite."""
    title, folders, options = suite
    paths = [f"tests/{folder}" for folder in folders]
    command = (tool("python"), "-m", "pytest", "-q", *options, *arguments, *paths)
    environ = {"PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
    return Step(title=title, command=command, environ=environ).run()


def _strays() -> list[str]:
    """Return the test files that are in no suite's folder and would never run."""
    known = tuple(
        f"tests{os.sep}{folder}{os.sep}" for _, folders, _ in SUITES for folder in folders
    )
    return [name for name in files("test_*.py", "tests") if not name.startswith(known)]


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
