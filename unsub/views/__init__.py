"""What recipients, mail clients and probes meet."""

from .centre import centre
from .done import done, reason, undo
from .errors import bad_request, forbidden, not_found, server_error
from .health import healthz, readyz
from .logo import logo
from .lost_link import lost_link
from .metrics import metrics
from .preview import preview
from .unsubscribe import unsubscribe

__all__ = [
    "bad_request",
    "centre",
    "done",
    "forbidden",
    "healthz",
    "logo",
    "lost_link",
    "metrics",
    "not_found",
    "preview",
    "readyz",
    "reason",
    "server_error",
    "undo",
    "unsubscribe",
]
