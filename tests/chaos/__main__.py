"""`make chaos`: python -m tests.chaos [SECONDS] [SEED]."""

import secrets
import sys

from scripts.steps import say
from tests.chaos.run import run


def main(arguments: list[str]) -> int:
    """Return 0 where every line of the report holds."""
    duration = float(arguments[0]) if arguments else 120.0
    seed = int(arguments[1]) if len(arguments) > 1 else secrets.randbelow(10**6)
    say(f"chaos for {duration:.0f} s with seed {seed}")
    report = run(duration=duration, seed=seed, harm=max(4.0, min(20.0, duration / 30)))
    say(str(report))
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
