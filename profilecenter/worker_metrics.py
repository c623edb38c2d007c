"""The port on which the main process of a worker answers Prometheus, for all of its processes.

A worker without WORKER_METRICS_ADDRESS opens none.
"""

from functools import cache

import structlog
from django.conf import settings
from prometheus_client import CollectorRegistry, multiprocess, start_http_server

log = structlog.get_logger(__name__)


@cache
def serve() -> None:
    """Answer Prometheus from now on; once in a process. A port that cannot be opened is only
    logged, because delivery does not depend on it."""
    if settings.WORKER_METRICS_ADDRESS is None:
        return
    host, port = settings.WORKER_METRICS_ADDRESS
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as err:
        log.warning("worker_metrics_unavailable", error=type(err).__name__, errno=err.errno)
