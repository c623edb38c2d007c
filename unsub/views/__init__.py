"""What recipients, mail clients and probes meet."""

from .done import done, undo
from .errors import bad_request, forbidden, not_found, server_error
from .health import healthz, readyz
from .metrics import metrics
from .unsubscribe import unsubscribe

__all__ = [
    "bad_request",
    "done",
    "forbidden",
    "healthz",
    "metrics",
    "not_found",
    "readyz",
    "server_error",
    "undo",
    "unsubscribe",
]
