"""Branch coverage of the package tests, on both databases together. Arguments go to each pytest.

Not a part of `make test`: measuring takes half as long again. What the deployment's and the
journeys' processes run is not counted.
"""

import os
import sys

from .steps import ROOT, Step, tool
from .test import PACKAGE_SUITES, run

OPTIONS = ("--cov", "--cov-append", "--cov-report=")


def main(arguments: list[str]) -> int:
    """Return 0 where every suite passed, else the status of the first that did not."""
    _coverage("erase")
    for suite in PACKAGE_SUITES:
        if status := run(suite, [*OPTIONS, *arguments]):
            return status
    return _coverage("report")


def _coverage(command: str) -> int:
    return Step(title=f"coverage {command}", command=(tool("coverage"), command)).run()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
