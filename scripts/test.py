"""Every test. Arguments are passed to each pytest.

Two rows of suites run side by side: the packages and the app, which keep the processor busy; and
journeys, deployment and chaos, which often wait for a time-out, a sweep or a browser.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeAlias

from . import browser
from .steps import ROOT, Step, files, say, tool

# title, folders, further options of pytest
Suite: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...]]
PURE = ("links", "domain", "sfmc", "sandbox", "scripts")
NOT_OF_THE_APP = (*PURE, "fuzz", "journeys", "interop", "deploy", "chaos")
# Every other folder of tests: a package's folder need not be written down to be run.
APP = tuple(
    sorted(
        folder.name
        for folder in (ROOT / "tests").iterdir()
        if folder.name not in NOT_OF_THE_APP and any(folder.rglob("test_*.py"))
    )
)
PACKAGE_SUITES: tuple[Suite, ...] = (
    (
        "the packages without Django",
        PURE,
        ("-p", "no:django", "-n", "2"),
    ),
    ("the app on PostgreSQL", APP, ("-n", "2", "--database=postgresql")),
    ("the app on SQLite", APP, ("-n", "2")),
    ("random input, a little of it", ("fuzz",), ("-n", "2")),
)
WAITING_SUITES: tuple[Suite, ...] = (
    ("whole journeys", ("journeys",), ("--database=postgresql", "-n", "2", "--dist", "loadfile")),
    ("clients that nobody here wrote", ("interop",), ("-p", "no:django")),
    ("the deployment", ("deploy",), ()),
    ("chaos", ("chaos",), ("-p", "no:django", "-s")),
)
ROWS = (PACKAGE_SUITES, WAITING_SUITES)
SUITES = (*PACKAGE_SUITES, *WAITING_SUITES)
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Return 0 if every suite passed, else the status of the first that failed."""
    if strays := _strays():
        say(f"no suite contains {', '.join(strays)}: see scripts/test.py")
        return 1
    if (found := browser.ensure()) is None:
        say("no browser found, and none could be installed: the journeys will fail")
    environ = {"PROFILECENTER_BROWSER": found or ""}
    failed = Event()
    with ThreadPoolExecutor(len(ROWS)) as pool:
        rows = [pool.submit(_row, suites, arguments, environ, failed) for suites in ROWS]
    statuses = [status for row in rows for status in row.result()]
    # With arguments it is no failure that a suite has no such test, unless none has one.
    return next((status for status in statuses if _is_failure(status, arguments)), min(statuses))


def _row(
    suites: Iterable[Suite], arguments: Sequence[str], environ: Mapping[str, str], failed: Event
) -> list[int]:
    """Return the statuses of the suites that ran: none begins after one has failed."""
    statuses: list[int] = []
    for suite in suites:
        if failed.is_set():
            break
        statuses.append(run(suite, arguments, environ, at_once=False))
        if _is_failure(statuses[-1], arguments):
            failed.set()
    return statuses


def _is_failure(status: int, arguments: Sequence[str]) -> bool:
    """Return whether a suite failed. With arguments, one without a matching test did not."""
    return bool(status) and not (arguments and status == NOTHING_COLLECTED)


def run(
    suite: Suite,
    arguments: Sequence[str],
    environ: Mapping[str, str] | None = None,
    *,
    at_once: bool = True,
) -> int:
    """Return the status of pytest for one suite. Its output is printed at once, or at its end."""
    title, folders, options = suite
    paths = [f"tests/{folder}" for folder in folders]
    command = (tool("python"), "-m", "pytest", "-q", *options, *arguments, *paths)
    return Step(title=title, command=command, environ=dict(environ or {})).run(at_once=at_once)


def _strays() -> list[str]:
    """Return the test files that are in no suite's folder and would never run."""
    known = tuple(
        f"tests{os.sep}{folder}{os.sep}" for _, folders, _ in SUITES for folder in folders
    )
    return [name for name in files("test_*.py", "tests") if not name.startswith(known)]


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
