"""Tells a service outside that a look for alarms was completed.

The service (healthchecks, or one like it) notifies people when it is told nothing for some
minutes: the only alarm that also comes when every process here is down.
"""

import requests
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

TIMEOUT = (3.0, 5.0)  # seconds to connect, and to read the response


def ping() -> None:
    """Request WATCH_PING_URL, if it is set. A failure is logged, and without the URL: who knows it
    can keep the service quiet."""
    if not settings.WATCH_PING_URL:
        return
    try:
        response = requests.get(settings.WATCH_PING_URL, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as err:
        log.warning("watch_ping_failed", error=type(err).__name__)
        return
    if not response.ok or response.is_redirect:
        log.warning("watch_ping_failed", status=response.status_code)
