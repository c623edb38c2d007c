"""Every test. Arguments are passed to each pytest.

Two rows of suites run side by side: the packages and the app, which keep the processor busy; and
journeys, deployment and chaos, which often wait for a time-out, a sweep or a browser.

Where a few tests of a suite failed, these run once more at the end, alone, on a machine that has
nothing else to do (ADR 0044). The tests that look for what happens rarely do not, nor does anything
in a run with arguments.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NamedTuple, TypeAlias

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
# What happens there must not happen once either.
NEVER_REPEATED = ("fuzz", "chaos")
REPEATED_MAX = 3  # tests of a suite
FAILED_ONCE = """These tests failed, and passed when they ran once more, alone.
Each has a fault, or has met a rare one of the product: its failure is in the output above."""
TESTS_FAILED, NOTHING_COLLECTED = 1, 5


class Result(NamedTuple):
    """How a suite ended, and which tests failed that may be repeated."""

    suite: Suite
    status: int
    repeatable: tuple[str, ...] = ()


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
    results = [result for row in rows for result in row.result()]
    if not failed.is_set():
        results = _repeated(results, environ)
    statuses = [result.status for result in results]
    # With arguments it is no failure that a suite has no such test, unless none has one.
    return next((status for status in statuses if _is_failure(status, arguments)), min(statuses))


def _row(
    suites: Iterable[Suite], arguments: Sequence[str], environ: Mapping[str, str], failed: Event
) -> list[Result]:
    """Return the results of the suites that ran: none begins after one has failed for good."""
    results: list[Result] = []
    for suite in suites:
        if failed.is_set():
            break
        fresh = () if arguments else ("--cache-clear", *_cache(suite))
        status = run(suite, (*arguments, *fresh), environ, at_once=False)
        repeatable = () if arguments else _repeatable(suite, status)
        results.append(Result(suite, status, repeatable))
        if _is_failure(status, arguments) and not repeatable:
            failed.set()
    return results


def _repeated(results: Iterable[Result], environ: Mapping[str, str]) -> list[Result]:
    """Return the results after the failed tests ran once more, one at a time. Names those that
    passed then."""
    ended: list[Result] = []
    passed: list[str] = []
    for result in results:
        if result.repeatable:
            title, folders, options = result.suite
            again = (f"once more: {title}", folders, (*options, "-n", "0"))
            only = ("--last-failed", "--last-failed-no-failures=none", *_cache(result.suite))
            status = run(again, only, environ)
            if not status:
                passed += [f"  {name} ({title})" for name in result.repeatable]
            ended.append(Result(result.suite, status))
        else:
            ended.append(result)
    if passed:
        say("\n".join((FAILED_ONCE, *passed)))
    return ended


def _cache(suite: Suite) -> tuple[str, ...]:
    """Return the option that gives a suite a folder of its own for what pytest remembers."""
    return ("-o", f"cache_dir={_cache_folder(suite)}")


def _cache_folder(suite: Suite) -> Path:
    return Path("var", "tests", suite[0].replace(",", "").replace(" ", "-"))


def _repeatable(suite: Suite, status: int) -> tuple[str, ...]:
    """Return the tests that failed, where they may be repeated."""
    if status != TESTS_FAILED or set(suite[1]) & set(NEVER_REPEATED):
        return ()
    kept = ROOT / _cache_folder(suite) / "v" / "cache" / "lastfailed"
    failed = tuple(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else ()
    return failed if len(failed) <= REPEATED_MAX else ()


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
