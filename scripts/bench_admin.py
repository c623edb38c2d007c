"""How long the admin's first pages take over a million requests.

    python -m scripts.bench_admin [REQUESTS]        default: 1,000,000

A PostgreSQL of its own, the pages as a test client gets them (no network): the queries and the
median time of each, and beside them what one chart would take if its rows were counted.
"""

import json
import os
import secrets
import subprocess
import sys
from contextlib import closing

from .servers import Postgres, Valkey
from .steps import ROOT, say

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_admin_pages; bench_admin_pages.main({number})"


def main(arguments: list[str]) -> int:
    """Return 0 once the table is printed."""
    number = int(arguments[0]) if arguments else 1_000_000
    say(f"making {number:,} requests ...")
    return in_shell(MEASURE.format(number=number))


def in_shell(statement: str) -> int:
    """Return the exit code of a statement in Django's shell, on servers of its own."""
    with closing(Postgres()) as postgres, closing(Valkey()) as valkey:
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
