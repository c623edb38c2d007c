"""gunicorn: `gunicorn profilecenter.wsgi -c profilecenter/gunicorn.conf.py`.

gunicorn itself reads PORT (it then listens on every address of a container), WEB_CONCURRENCY,
FORWARDED_ALLOW_IPS and GUNICORN_CMD_ARGS; whatever is given on its command line wins.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

# A request waits for the database and for nothing else, so a few threads share a process.
# Each thread keeps a database connection: 8 x 4 stays well below PostgreSQL's default of 100.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(2 * (os.cpu_count() or 1) + 1, 8))
threads = 4

# The application is loaded once, before the processes part: a broken setting ends the start at
# once instead of once per process, and a replaced process serves within milliseconds.
preload_app = True

# A process is replaced after so many requests, not all of them in the same minute.
max_requests = 20_000
max_requests_jitter = 4_000
timeout = 30  # seconds without a sign of life
graceful_timeout = 25  # seconds for requests under way, below an orchestrator's usual 30
# Longer than a load balancer keeps an idle connection (60 s is usual), so that it is never we who
# close one that it is just about to use.
keepalive = 75

# Paths hold tokens and tokens are credentials: no access log, here or anywhere (invariant 7).
accesslog = None
errorlog = "-"
# In the format of all others, and scrubbed: gunicorn writes malformed request lines down.
logger_class = "profilecenter.gunicorn_logger.Logger"
loglevel = (os.environ.get("LOG_LEVEL") or "INFO").lower()
# Nobody steers a container through a socket, and its file system may be read-only.
control_socket_disable = True
if Path("/dev/shm").is_dir():  # noqa: S108
    # The sign of life is a file; on a slow disk writing it would stall the process.
    worker_tmp_dir = "/dev/shm"  # noqa: S108

# The counters of all processes meet in a folder, which has to be there before the application is.
_PREFIX = "profilecenter-metrics-"
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_PREFIX)


def child_exit(_server: Any, worker: Any) -> None:
    """Let the metrics forget the gauges of a process that ended."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Remove the folder of the counters, where it was made here."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
