"""Sending emails through a mail server, with an end.

smtplib has a time-out for each wait, and so none for a server that sends a byte now and then, nor
for its name or for that of this machine, which Django looks up for the greeting.
"""

import smtplib
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.utils import translation

from unsub.sfmc.deadline import Exchange, exchange

SECONDS = 30.0  # for one call
SECONDS_EACH = 1.0  # more for each recipient


class EmailBackend(smtp.EmailBackend):
    """Django's backend for SMTP. A call that sends takes at most SECONDS, and SECONDS_EACH more for
    each recipient, whatever server and resolver do. An email of which the server said nothing in
    time may have been sent."""

    _exchange: Exchange | None = None

    @property
    def connection_class(self) -> Any:
        """What makes a connection to the server."""
        return partial(_WatchedTls if self.use_ssl else _Watched, self._exchange)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Return how many emails were sent. Raises TimeoutError, and OSError as smtplib does or
        where the system has no thread to spare."""
        messages = list(email_messages)
        recipients = sum(len(message.recipients()) for message in messages)
        send = partial(self._send_in, translation.get_language(), messages)
        try:
            with exchange(SECONDS + SECONDS_EACH * recipients) as self._exchange:
                try:
                    return self._exchange.run(send)
                except OSError:
                    # Of smtplib, too: the connection was shut down.
                    if self._exchange.is_over:
                        raise TimeoutError from None
                    raise
        except (TimeoutError, RuntimeError) as err:
            if self.fail_silently:
                return 0
            raise err if isinstance(err, OSError) else OSError("no thread to spare") from None

    def _send_in(self, language: str | None, messages: list[EmailMessage]) -> int:
        """Send emails in the language of who called, which a thread of its own does not have."""
        with translation.override(language):
            return super().send_messages(messages) or 0


class _Watched(smtplib.SMTP):
    """A connection that is shut down when its exchange is over."""

    def __init__(self, running: Exchange | None, *args: Any, **options: Any) -> None:
        self._exchange = running
        super().__init__(*args, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a new connection."""
        connected: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        if self._exchange is not None:
            self._exchange.watch(connected)
        return connected


class _WatchedTls(smtplib.SMTP_SSL, _Watched):
    """The same over TLS, watched before the handshake."""

    def __init__(self, running: Exchange | None, *args: Any, **options: Any) -> None:
        self._exchange = running
        smtplib.SMTP_SSL.__init__(self, *args, **options)
