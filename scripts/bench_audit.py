"""Measure how many rows a second are sealed and verified.

    python -m scripts.bench_audit [REQUESTS]        default: 1,000,000

Uses its own PostgreSQL, with as many attempts as requests.
"""

import sys

from .bench_admin import in_shell
from .steps import say

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_audit_steps; bench_audit_steps.main({number})"


def main(arguments: list[str]) -> int:
    """Print the table; return 0."""
    number = int(arguments[0]) if arguments else 1_000_000
    say(f"creating {number:,} requests that have ended ...")
    return in_shell(MEASURE.format(number=number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
