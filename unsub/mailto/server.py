"""The mail server of the mailto address: LMTP and SMTP on one port, for the company's own mail
server. It sends nothing, and answers 250 only to what is stored.

aiosmtpd does the protocol; each email is handled in a thread, because the database blocks.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session, syntax
from django.db import close_old_connections

from .accepting import Result, accept

log = structlog.get_logger(__name__)

THREADS = 8
CONNECTIONS_MAX = 20
SIZE_MAX = 2 * 1024 * 1024  # octets; signatures of companies have pictures
# What the standard allows is 1,000; an HTML part may have longer lines, and is not read anyway.
LINE_MAX = 64 * 1024
IDLE_SECONDS = 60.0  # for a command and what it transfers
PER_MINUTE = 1200  # emails from one host
STOP_SECONDS = 20.0  # for emails that are being stored when the process is told to stop
IDENT = "Profile Center"

NOT_STORED = "451 4.3.0 Not stored. Try again later."
_BUSY = "450 4.7.1 Too many emails from this host. Try again later."
_FULL = b"421 4.7.0 Too many connections. Try again later.\r\n"
_STOPPING = "421 4.3.2 Shutting down."


class _Limits:
    """What all connections share: how many there are, and the emails of this minute by host."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self._minute = 0
        self._emails: Counter[str] = Counter()

    def allow(self, host: str, now: float) -> bool:
        """Count an email and return whether it is within the host's limit; the first beyond it is
        logged. `now` is in seconds of
        any clock that only goes forward."""
        if int(now // 60) != self._minute:
            self._minute = int(now // 60)
            self._emails.clear()
        self._emails[host] += 1
        if self._emails[host] == PER_MINUTE + 1:
            log.warning("mailto_rate_limited")
        return self._emails[host] <= PER_MINUTE


class _Connection(SMTP):
    """A connection. LMTP (RFC 2033) differs from SMTP in its greeting, and in a reply for each
    recipient; there is one recipient."""

    line_length_limit = LINE_MAX

    def __init__(self, handler: Any, limits: _Limits, **options: Any) -> None:
        super().__init__(handler, **options)
        self._limits = limits

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802 - found by its name
        """Greet as EHLO does."""
        await self.smtp_EHLO(hostname)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._limits.connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._limits.connections.discard(self)
        super().connection_lost(error)

    def _timeout_cb(self) -> None:
        """End a connection without a command for IDLE_SECONDS. aiosmtpd's own would wait until the
        client has read the replies, which it may never do."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def close(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.close()


class _Refusal(asyncio.Protocol):
    """A connection beyond the limit."""

    def connection_made(self, transport: Any) -> None:
        transport.write(_FULL)
        transport.close()


class _Handler:
    """aiosmtpd's handler: the rules for senders, recipients and emails."""

    def __init__(self, address: str, limits: _Limits) -> None:
        self._local, _, self._domain = address.lower().rpartition("@")
        self._limits = limits
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="mailto")
        self._running = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.is_stopping = False

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept any sender, within the host's limit."""
        if self.is_stopping:
            return _STOPPING
        host = str(session.peer[0]) if session.peer else ""
        if not self._limits.allow(host, asyncio.get_running_loop().time()):
            return _BUSY
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Accept the one address, with any detail behind a plus sign."""
        if not self._is_ours(address):
            # The company's mail server passes on what is not meant for this one.
            log.warning("mailto_recipient_unknown")
            return "550 5.1.1 No such address here."
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient for each email."
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Reply 250 where the email was stored, or never counts; 451 where it could not be stored.

        What never counts is not refused: the company's mail server would send a bounce to a sender
        that anybody can have made up.
        """
        content = envelope.original_content or b""
        with self._at_work():
            work = partial(_in_thread, content, envelope.mail_from or "")
            try:
                result = await asyncio.get_running_loop().run_in_executor(self._pool, work)
            except Exception as err:  # noqa: BLE001 - the sending server has to try again
                log.error("mailto_failed", error=type(err).__name__)  # noqa: TRY400
                return NOT_STORED
        return NOT_STORED if result is Result.NOT_STORED else f"250 2.0.0 OK ({result.value})"

    async def handle_exception(self, error: Exception) -> str:
        """Log an error of the protocol, without what was sent. Return the reply."""
        log.warning("mailto_session_failed", error=type(error).__name__)
        return "451 4.3.0 Error. Try again later."

    def _is_ours(self, address: str) -> bool:
        local, _, domain = address.strip().lower().rpartition("@")
        return domain == self._domain and local.partition("+")[0] == self._local.partition("+")[0]

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self._running += 1
        self.idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self.idle.set()


def _in_thread(content: bytes, sender: str) -> Result:
    """Return what became of an email. Closes connections to the database as Django does at the
    begin and the end of a request."""
    close_old_connections()
    try:
        return accept(content, sender=sender)
    finally:
        close_old_connections()


async def serve(host: str, port: int, *, address: str, ready: Callable[[], None]) -> None:
    """Receive emails to `address` until SIGTERM or SIGINT; then finish those that are being stored.
    Raises OSError where the port cannot be opened."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    limits = _Limits()
    handler = _Handler(address, limits)

    def connection() -> asyncio.BaseProtocol:
        if len(limits.connections) >= CONNECTIONS_MAX:
            log.warning("mailto_connections_full")
            return _Refusal()
        return _Connection(
            handler, limits, loop=loop, data_size_limit=SIZE_MAX, enable_SMTPUTF8=True,
            hostname=address.rpartition("@")[2], ident=IDENT, timeout=IDLE_SECONDS,
        )  # fmt: skip

    server = await loop.create_server(connection, host, port)
    ready()
    await stop.wait()
    server.close()
    handler.is_stopping = True
    try:
        await asyncio.wait_for(handler.idle.wait(), STOP_SECONDS)
    except TimeoutError:
        log.warning("mailto_stopped_early")
    # So that the replies are sent.
    await asyncio.sleep(0.1)
    for one in list(limits.connections):
        one.close()
