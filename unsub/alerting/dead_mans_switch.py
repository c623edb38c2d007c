"""Tells a service outside that a look for alarms was completed.

The service (healthchecks, or one like it) notifies people when it is told nothing for some
minutes: the only alarm that also comes when every process here is down.
"""

import requests
import structlog
from django.conf import settings

from .calls import status_of

log = structlog.get_logger(__name__)

SECONDS = 5.0  # for the whole call: nothing else watches meanwhile


def ping() -> None:
    """Request WATCH_PING_URL, if it is set. A failure is logged, and without the URL: who knows it
    can keep the service quiet."""
    if not settings.WATCH_PING_URL:
        return
    try:
        status = status_of("GET", settings.WATCH_PING_URL, seconds=SECONDS)
    except requests.RequestException as err:
        log.warning("watch_ping_failed", error=type(err).__name__)
        return
    if not 200 <= status < 300:
        log.warning("watch_ping_failed", status=status)
