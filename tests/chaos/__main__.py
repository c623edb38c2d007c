"""`make chaos`: python -m tests.chaos [--pooler=yes|no] [SECONDS] [SEED]."""

import argparse
import os
import secrets
import signal
import sys
from typing import NoReturn

from scripts.steps import say
from tests import pooler
from tests.chaos.run import run
from tests.plugins.servers import ENVIRONMENT, UNSET


def main(arguments: list[str]) -> int:
    """Run the chaos test; return 0 if every line of the report holds, else 1."""
    signal.signal(signal.SIGTERM, _exit)
    for name in [name for name in os.environ if UNSET.fullmatch(name)]:
        del os.environ[name]
    # World starts its own broker; preparing the database only needs a configured address.
    os.environ |= ENVIRONMENT | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    chosen = _parse(arguments)
    duration, seed = chosen.seconds, chosen.seed
    pooled = is_pooled(seed, chosen.pooler)
    say(f"chaos for {duration:.0f} s with seed {seed}{', through PgBouncer' if pooled else ''}")
    harm = max(4.0, min(20.0, duration / 30))
    report = run(duration=duration, seed=seed, harm=harm, pooled=pooled)
    say(str(report))
    return 0 if report.holds else 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("seconds", type=float, nargs="?", default=120.0)
    parser.add_argument("seed", type=int, nargs="?", default=secrets.randbelow(10**6))
    parser.add_argument("--pooler", choices=("yes", "no"))
    return parser.parse_args(arguments)


def is_pooled(seed: int, wanted: str | None) -> bool:
    """Return whether the run goes through PgBouncer: as wanted, else with an odd seed; never
    without PgBouncer, which is said."""
    if not (wanted == "yes" or (wanted is None and seed % 2)):
        return False
    if pooler.installed() is None:
        say("PgBouncer is not installed: the processes use PostgreSQL directly")
        return False
    return True


def _exit(number: int, _frame: object) -> NoReturn:
    """Exit in order, so that every process that was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
