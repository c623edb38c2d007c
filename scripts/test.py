"""Every test, in the order from quick to slow. Arguments go to each pytest.

The pure rooms are tested with no Django at all, the app on SQLite and again on PostgreSQL, then a
deployment's commands, then whole journeys with real processes and a real browser.
"""

import os
import sys

from . import browser
from .steps import ROOT, Step, files, say, tool

# Each has the name of the package that it tests.
APP = (
    "accounts",
    "admin",
    "alerting",
    "delivery",
    "gateway",
    "management",
    "outbox",
    "reporting",
    "web",
)

# folders; further options of pytest
SUITES = (
    (
        "the pure rooms",
        ("links", "domain", "sfmc", "sandbox", "scripts"),
        ("-p", "no:django", "-n", "2"),
    ),
    ("the app on SQLite", APP, ("-n", "2")),
    ("the app on PostgreSQL", APP, ("-n", "2", "--database=postgresql")),
    ("the deployment", ("deploy",), ()),
    ("whole journeys", ("journeys",), ("--database=postgresql",)),
    ("chaos", ("chaos",), ("-p", "no:django", "-s")),
)
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Return 0 where every suite passed, else the status of the first that did not."""
    if strays := _strays():
        say(f"no suite runs {', '.join(strays)}: see scripts/test.py")
        return 1
    if (found := browser.ensure()) is None:
        say("no browser found, and none could be installed: the journeys are going to fail")
    environ = {"PROFILECENTER_BROWSER": found or "", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = False
    for title, folders, options in SUITES:
        paths = [f"tests/{folder}" for folder in folders]
        command = (tool("python"), "-m", "pytest", "-q", *options, *arguments, *paths)
        status = Step(title=title, command=command, environ=environ).run()
        if status and not (arguments and status == NOTHING_COLLECTED):
            return status
        ran = ran or not status
    return 0 if ran else NOTHING_COLLECTED


def _strays() -> list[str]:
    """Return the test files that lie in no suite's folder: they would be green unseen."""
    known = tuple(
        f"tests{os.sep}{folder}{os.sep}" for _, folders, _ in SUITES for folder in folders
    )
    return [name for name in files("test_*.py", "tests") if not name.startswith(known)]


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
