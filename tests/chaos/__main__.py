"""`make chaos`: python -m tests.chaos [SECONDS] [SEED]."""

import os
import secrets
import signal
import sys
from typing import NoReturn

from scripts.steps import say
from tests.chaos.run import run
from tests.plugins.servers import ENVIRONMENT, UNSET


def main(arguments: list[str]) -> int:
    """Run the chaos test; return 0 if every line of the report holds, else 1."""
    signal.signal(signal.SIGTERM, _exit)
    for name in [name for name in os.environ if UNSET.fullmatch(name)]:
        del os.environ[name]
    # World starts its own broker; preparing the database only needs a configured address.
    os.environ |= ENVIRONMENT | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    duration = float(arguments[0]) if arguments else 120.0
    seed = int(arguments[1]) if len(arguments) > 1 else secrets.randbelow(10**6)
    say(f"chaos for {duration:.0f} s with seed {seed}")
    report = run(duration=duration, seed=seed, harm=max(4.0, min(20.0, duration / 30)))
    say(str(report))
    return 0 if report.holds else 1


def _exit(number: int, _frame: object) -> NoReturn:
    """Exit in order, so that every process that was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
