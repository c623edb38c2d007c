"""Measure the profile centre while every call to Marketing Cloud takes 200 ms.

    python -m scripts.bench_centre [LISTS] [ATTRIBUTES]        default: 60 40

A subscriber with 60 lists and 40 attributes, an empty cache, and a test client: the median of 15
pages for a link with a SubscriberKey, and for one whose key has to be read first. For comparison
the same page with everything in the cache, to separate our own time from Marketing Cloud's.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import closing

from .servers import Valkey
from .steps import ROOT

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_centre_pages; bench_centre_pages.main({lists}, {attributes})"


def main(arguments: list[str]) -> int:
    """Print the table; return 0."""
    lists, attributes = map(int, (*arguments, *("60", "40")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as folder, closing(Valkey()) as valkey:
        valkey.start()
        environ = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
            "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
        }
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c"]
        done = subprocess.run(  # noqa: S603
            [*command, MEASURE.format(lists=lists, attributes=attributes)],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
