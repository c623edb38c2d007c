"""Measure everything that looks at a queue, or changes it, while a million requests wait in it.

    python -m scripts.bench_backlog [REQUESTS]        default: 1,000,000

Uses its own PostgreSQL, with the deployment's statement time-out of 15 s. Prints the seconds of
each step and of its longest statement; fails where a step was cancelled by the time-out.
"""

import sys

from .bench_admin import in_shell
from .steps import say

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_backlog_steps; bench_backlog_steps.main({number})"


def main(arguments: list[str]) -> int:
    """Print the table; return 0, or another number where a step failed."""
    number = int(arguments[0]) if arguments else 1_000_000
    say(f"creating {number:,} pending requests ...")
    return in_shell(MEASURE.format(number=number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
