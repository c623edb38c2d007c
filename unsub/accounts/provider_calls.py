"""Calls to the identity provider of single sign-on, each with an end."""

from typing import Any

import requests
from urllib3.exceptions import HTTPError

from unsub.sfmc.deadline import exchange
from unsub.sfmc.http import WatchedAdapter

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
        with exchange(SECONDS) as running:
            try:
                response = super().request(*args, **{"timeout": SECONDS} | options)
            except (requests.RequestException, HTTPError, OSError) as err:
                if running.is_over or not isinstance(err, requests.RequestException):
                    raise requests.Timeout from None
                raise
        if running.is_over:
            raise requests.Timeout
        return response
