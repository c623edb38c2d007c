"""manage.py with the environment of `make run`: make manage ARGS="export_audit --format csv"."""

import os
import sys
from typing import NoReturn

from . import environment
from .steps import ROOT


def main(arguments: list[str]) -> NoReturn:
    """Replace this process by manage.py. Exits with a message if `make run` was never started."""
    values = environment.read()
    if not values:
        sys.exit("manage: var/run.env does not exist. Start `make run` once.")
    os.chdir(ROOT)
    command = [sys.executable, "manage.py", *arguments]
    os.execve(sys.executable, command, environment.environ(values))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
