"""Measure holding, releasing and monitoring a queue while many requests wait in it.

    python -m scripts.bench_queue [REQUESTS]        default: 300,000

Uses its own PostgreSQL. Prints medians, which should not depend on the number of waiting requests,
except for the counts, which read an index.
"""

import sys

from .bench_admin import in_shell
from .steps import say

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_queue_steps; bench_queue_steps.main({number})"


def main(arguments: list[str]) -> int:
    """Print the table; return 0."""
    number = int(arguments[0]) if arguments else 300_000
    say(f"creating {number:,} pending requests ...")
    return in_shell(MEASURE.format(number=number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
