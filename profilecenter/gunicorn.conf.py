"""gunicorn: `gunicorn profilecenter.wsgi -c profilecenter/gunicorn.conf.py`.

gunicorn itself reads PORT (it then listens on every address of a container), WEB_CONCURRENCY
and GUNICORN_CMD_ARGS; its command line takes precedence. HEALTH_PORT is read here.
"""

import os
import shutil
import socket
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

# Requests mostly wait for the database, so a few threads share a process.
# Each thread keeps a database connection: 8 x 4 stays well below PostgreSQL's default of 100.
# Only complete requests reach the threads (docs/adr/0024-complete-requests-only.md).
worker_class = "profilecenter.gunicorn_worker.Worker"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(2 * (os.cpu_count() or 1) + 1, 8))
threads = 4
# Per process, waiting ones included; well below the usual limit of 1,024 open files.
worker_connections = 500
# So that each piece of a file has a time limit, too.
sendfile = False

# The application is loaded once, before forking: a wrong setting ends the start at once instead of
# once per process, and a replaced process serves within milliseconds.
preload_app = True

# A process is replaced after this many requests; the jitter spreads the replacements.
max_requests = 20_000
max_requests_jitter = 4_000
timeout = 30  # seconds without a heartbeat
graceful_timeout = 25  # seconds for running requests, below an orchestrator's usual 30
# A token of 2,048 characters that was percent-encoded twice more is longer than the default allows.
limit_request_line = 8190
# Longer than a load balancer keeps an idle connection (60 s is usual), so that we never close one
# that it is about to use.
keepalive = 75

# No header of a client or proxy sets SCRIPT_NAME or PATH_INFO. By default gunicorn takes both from
# every proxy of FORWARDED_ALLOW_IPS, which passes on what its client sent.
forwarder_headers = ""
# The application reads X-Forwarded-Proto. gunicorn would answer 400 where it differs from
# X-Forwarded-Ssl, and know no other spelling than `https`.
secure_scheme_headers: dict[str, str] = {}

# Paths contain tokens, and tokens are credentials: no access log anywhere (invariant 7).
accesslog = None
errorlog = "-"
# In our format, and scrubbed: gunicorn logs malformed request lines.
logger_class = "profilecenter.gunicorn_logger.Logger"
loglevel = (os.environ.get("LOG_LEVEL") or "INFO").lower()
# The control socket is not used, and the file system may be read-only.
control_socket_disable = True
if Path("/dev/shm").is_dir():  # noqa: S108
    # The heartbeat is a file; on a slow disk writing it would block the process.
    worker_tmp_dir = "/dev/shm"  # noqa: S108

# All processes share their counters in a folder, which must exist before the application loads.
_PREFIX = "profilecenter-metrics-"
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_PREFIX)


# Names the open port in the environment of a new main process.
_HEALTH_FD = "PROFILECENTER_HEALTH_FD"


def on_starting(server: Any) -> None:
    """Open the port that only answers /healthz, where HEALTH_PORT is set. Every process inherits
    it, and so does the main process that USR2 starts beside this one."""
    inherited = os.environ.pop(_HEALTH_FD, "")
    if inherited and "GUNICORN_PID" in os.environ:
        server.worker_class.health_listener = socket.socket(fileno=int(inherited))
    elif port := os.environ.get("HEALTH_PORT"):
        server.worker_class.health_listener = socket.create_server(("", int(port)))


def pre_exec(server: Any) -> None:
    """Pass the port for /healthz on to the new main process, after USR2: this one keeps it until it
    ends."""
    listener = server.worker_class.health_listener
    if listener is not None:
        listener.set_inheritable(True)
        server.cfg.env_orig[_HEALTH_FD] = str(listener.fileno())


def post_fork(server: Any, worker: Any) -> None:
    """Give a process the signals that reached it before it could handle them."""
    worker.early_signals = server.SIG_QUEUE


def post_worker_init(_worker: Any) -> None:
    """Start the thread that looks for outages, in each process: threads do not survive a fork."""
    # By name, because this file is read before Django's settings can be.
    import_module("unsub.alerting.second_look").start()


def child_exit(_server: Any, worker: Any) -> None:
    """Remove the gauges of a process that ended from the metrics."""
    # By name: when it is imported first, prometheus_client looks for the folder of the counters,
    # which this file has yet to create.
    import_module("prometheus_client.multiprocess").mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """Remove the folder of the counters if this file created it."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
