"""Calls to the identity provider of single sign-on, each with an end."""

from typing import Any

import requests

from unsub.sfmc.http import WatchedAdapter, timed

SECONDS = 10.0


class ProviderSession(requests.Session):
    """A session whose requests take at most SECONDS, with the look-up of the name, redirects and
    the body, whatever the other side does."""

    def __init__(self) -> None:
        super().__init__()
        self.mount("https://", WatchedAdapter())
        self.mount("http://", WatchedAdapter())

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """Return the response, with its body. Raises requests.RequestException."""
        with timed(SECONDS):
            return super().request(*args, **{"timeout": SECONDS} | options)
