"""One HTTP call to a service outside, for its status alone."""

from typing import Any

from unsub.sfmc.http import new_session, timed

CONNECT_SECONDS = 3.0


def status_of(method: str, url: str, *, seconds: float, **options: Any) -> int:
    """Return the HTTP status that a URL answers with. Takes at most `seconds`, with the look-up of
    the name, whatever the other side does: the body is not read, and redirects are not followed.
    Raises requests.RequestException."""
    with (
        timed(seconds),
        new_session(pool_size=1) as session,
        session.request(
            method, url, stream=True, allow_redirects=False, timeout=(CONNECT_SECONDS, seconds),
            **options,
        ) as response,
    ):  # fmt: skip
        status: int = response.status_code
        return status
