"""Views for recipients, mailbox providers (one-click POST) and monitoring."""

from .centre import centre, confirm, details, erase, new_link, pause, yours, yours_json
from .confirmation import done, reason, undo
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
    "confirm",
    "details",
    "done",
    "erase",
    "forbidden",
    "healthz",
    "logo",
    "lost_link",
    "metrics",
    "new_link",
    "not_found",
    "pause",
    "preview",
    "readyz",
    "reason",
    "server_error",
    "undo",
    "unsubscribe",
    "yours",
    "yours_json",
]
