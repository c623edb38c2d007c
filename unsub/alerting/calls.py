"""One HTTP call to a service outside, for its status alone."""

from typing import Any

import requests
from urllib3.exceptions import HTTPError

from unsub.sfmc.deadline import exchange
from unsub.sfmc.http import new_session

CONNECT_SECONDS = 3.0


def status_of(method: str, url: str, *, seconds: float, **options: Any) -> int:
    """Return the HTTP status that a URL answers with. Takes at most `seconds`, with the look-up of
    the name, whatever the other side does: the body is not read, and redirects are not followed.
    Raises requests.RequestException."""
    with exchange(seconds) as running, new_session(pool_size=1) as session:
        try:
            with session.request(
                method, url, stream=True, allow_redirects=False,
                timeout=(CONNECT_SECONDS, seconds), **options,
            ) as response:  # fmt: skip
                status: int = response.status_code
        except (requests.RequestException, HTTPError, OSError) as err:
            if running.is_over or not isinstance(err, requests.RequestException):
                raise requests.Timeout from None
            raise
    # Headers that were cut off at the deadline look complete.
    if running.is_over:
        raise requests.Timeout
    return status
