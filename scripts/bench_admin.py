"""Measure the admin's first pages with a million requests.

    python -m scripts.bench_admin [REQUESTS]        default: 1,000,000

Uses its own PostgreSQL and a test client (no network). Prints the number of queries and the median
time of each page, and for comparison the time of one chart counted from the rows.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing

from .servers import Postgres, Valkey
from .steps import ROOT, say

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_admin_pages; bench_admin_pages.main({number})"


def main(arguments: list[str]) -> int:
    """Print the table; return 0."""
    number = int(arguments[0]) if arguments else 1_000_000
    say(f"creating {number:,} requests ...")
    return in_shell(MEASURE.format(number=number))


def in_shell(statement: str, settings: Mapping[str, str] | None = None) -> int:
    """Return the exit code of a statement in Django's shell, on servers of its own; `settings` are
    PostgreSQL's."""
    with closing(Postgres(settings=settings)) as postgres, closing(Valkey()) as valkey:
        postgres.start()
        valkey.start()
        environ = os.environ | {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "SECOND_FACTOR": "false",
            "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
            "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
        }
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c"]
        done = subprocess.run(  # noqa: S603
            [*command, statement],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
