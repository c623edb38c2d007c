"""One HTTP exchange with limits on time and size. Errors say whether anything was sent."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError

from .deadline import POOLS, Exchange, exchange
from .errors import MisconfiguredError, RateLimitedError, TransientError, UnknownOutcomeError

CONNECT_SECONDS = 10.0
REPLY_MAX = 5 * 1024 * 1024  # bytes; the vendor's limit for a payload
_CHUNK = 64 * 1024


def _tells_no_content(record: logging.LogRecord) -> bool:
    """Tell whether urllib3's record has nothing of the reply in it: of one whose headers are
    damaged it logs all that it could not read, which can be the whole body."""
    return not str(record.msg).startswith("Failed to parse headers")


logging.getLogger("urllib3.connection").addFilter(_tells_no_content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP reply. `kind` is the media type in lower case, without parameters."""

    status: int
    kind: str
    body: bytes
    headers: requests.structures.CaseInsensitiveDict[str]

    @property
    def retry_after(self) -> float | None:
        """The Retry-After header in seconds, or None."""
        return _seconds(self.headers.get("Retry-After", ""))


class WatchedAdapter(HTTPAdapter):
    """An adapter whose connections keep the deadline of their exchange, through a proxy as well."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Return the pools of a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager


class Session(requests.Session):
    """A session that knows no redirects."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Return None. Of a response that redirects, requests else reads the whole body to prepare
        the next request, however long it is, though redirects are not followed."""


def new_session(pool_size: int) -> requests.Session:
    """Return a session for `pool_size` threads. It retries nothing: whether a call may be repeated
    is not the transport's decision."""
    session = Session()
    session.headers["Accept-Encoding"] = "identity"
    adapter = WatchedAdapter(pool_connections=4, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    """Give the HTTP exchange in the block a deadline. Raises requests.Timeout where it passed, also
    where what had come by then looks complete, and for errors that are not of requests."""
    with exchange(seconds) as running:
        try:
            yield
        except (requests.RequestException, HTTPError, OSError) as err:
            if running.is_over or not isinstance(err, requests.RequestException):
                raise requests.Timeout from None
            raise
    if running.is_over:
        raise requests.Timeout


def post(
    session: requests.Session, url: str, body: bytes, headers: dict[str, str], *, timeout: float
) -> Reply:
    """Return the reply to a POST, with any status except 429. Redirects are not followed: they
    could send credentials to another host.

    `timeout` is in seconds and covers the whole exchange, from looking up the name to the end of
    the body: then the connection is shut down. Raises TransientError where nothing was sent;
    UnknownOutcomeError where something was sent and no complete reply came in time;
    RateLimitedError on 429; MisconfiguredError for an invalid URL.
    """
    with exchange(timeout) as running:
        try:
            reply = _exchange(session, url, body, headers, timeout)
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema,
                requests.exceptions.InvalidSchema) as err:  # fmt: skip
            raise MisconfiguredError("an address of Marketing Cloud is no URL") from err
        except (requests.RequestException, HTTPError, OSError) as err:
            # Not `from err`: its text contains the address and sometimes the request.
            raise _explain(err, running) from None
    if running.is_over:
        raise UnknownOutcomeError("the reply took too long", http_status=reply.status)
    if reply.status == 429:
        raise RateLimitedError("rate limited", http_status=429, retry_after=reply.retry_after)
    return reply


def _exchange(
    session: requests.Session, url: str, body: bytes, headers: dict[str, str], timeout: float
) -> Reply:
    """Return the reply. Raises as requests and urllib3 do."""
    with session.post(
        url, data=body, headers=headers, stream=True, allow_redirects=False,
        timeout=(min(CONNECT_SECONDS, timeout), timeout),
    ) as response:  # fmt: skip
        return Reply(
            status=response.status_code,
            kind=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            body=_read(response.raw.read1, response.status_code),
            headers=response.headers,
        )


def _read(read: Callable[..., bytes], status: int) -> bytes:
    """Return the whole body. Raises UnknownOutcomeError where it is too large."""
    parts, size = [], 0
    while part := read(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > REPLY_MAX:
            raise UnknownOutcomeError("the reply is too large", http_status=status)
    return b"".join(parts)


def _explain(err: Exception, running: Exchange) -> TransientError | UnknownOutcomeError:
    """Return the SfmcError for an exception of requests."""
    if running.is_over:
        return (UnknownOutcomeError if running.was_sent else TransientError)("no reply in time")
    if isinstance(err, requests.exceptions.SSLError):
        return TransientError("no secure connection")
    if isinstance(err, requests.ConnectTimeout) or _is_unsent(err):
        return TransientError("no connection")
    if isinstance(err, requests.Timeout):
        return UnknownOutcomeError("no reply in time")
    return UnknownOutcomeError("the connection broke")


def _is_unsent(err: Exception) -> bool:
    """Return whether no connection was established: refused, unknown host or proxy error."""
    cause = err.args[0] if err.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, NewConnectionError | ProxyError)


def _seconds(value: str) -> float | None:
    """Return a Retry-After in seconds, from a number or a date (RFC 9110, section 10.2.3)."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
