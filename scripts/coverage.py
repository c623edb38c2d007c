"""Branch coverage of the package tests, on both databases together. Arguments go to each pytest.

Not a part of `make test`: measuring takes half as long again. What the deployment's and the
journeys' processes run is not counted.
"""

import json
import os
import sys

from .steps import ROOT, Step, say, tool
from .test import PACKAGE_SUITES, run

OPTIONS = ("--cov", "--cov-append", "--cov-report=")
TOTALS = ROOT / "var" / "coverage" / "totals.json"


def main(arguments: list[str]) -> int:
    """Return 0 where every suite passed, else the status of the first that did not."""
    _coverage("erase")
    for suite in PACKAGE_SUITES:
        if status := run(suite, [*OPTIONS, *arguments]):
            return status
    status = _coverage("report") or _coverage("json", "--quiet", "-o", str(TOTALS))
    if not status:
        say(total(json.loads(TOTALS.read_text())["totals"]))
    return status


def total(totals: dict[str, int]) -> str:
    """Return the shares of the lines and of the branches that ran, in one line."""
    return "TOTAL: " + ", ".join(
        f"{covered:,} of {number:,} {what} ({100 * covered / number:.1f}%)"
        for what, covered, number in (
            ("lines", totals["covered_lines"], totals["num_statements"]),
            ("branches", totals["covered_branches"], totals["num_branches"]),
        )
    )


def _coverage(command: str, *options: str) -> int:
    return Step(title=f"coverage {command}", command=(tool("coverage"), command, *options)).run()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
