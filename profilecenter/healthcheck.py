"""Exit with 0 if the web process of this container answers `/healthz`, else with 1.

It asks on HEALTH_PORT, where no visitor can be in the way; without one, on PORT.

    python profilecenter/healthcheck.py [--if-started-as NAME]

Run it as a file, not as a module: that would import Celery, four times a minute. With
`--if-started-as gunicorn`, a container whose first process is another command counts as healthy,
so that one image can have a health check and several uses.
"""

import os
import sys
import urllib.request
from pathlib import Path

TIMEOUT = 4  # seconds


def main(arguments: list[str]) -> int:
    """Return 0 if the pages answer, or if this container does not serve them; else 1."""
    if arguments[:1] == ["--if-started-as"] and not _started_as(arguments[1]):
        return 0
    port = os.environ.get("HEALTH_PORT") or os.environ.get("PORT") or "8000"
    url = f"http://127.0.0.1:{port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT):
            return 0
    except OSError as err:
        sys.stderr.write(f"{url}: {type(err).__name__}\n")
        return 1


def _started_as(name: str) -> bool:
    """Return whether the container's command contains the name. Process 1 is that command, or
    Docker's init with the command as arguments."""
    return name.encode() in Path("/proc/1/cmdline").read_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
