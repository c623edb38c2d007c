"""One HTTP exchange with limits on time and size. Errors say whether anything was sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError

from .errors import MisconfiguredError, RateLimitedError, TransientError, UnknownOutcomeError

CONNECT_SECONDS = 10.0
REPLY_MAX = 5 * 1024 * 1024  # bytes; the vendor's limit for a payload
_CHUNK = 64 * 1024


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


def new_session(pool_size: int) -> requests.Session:
    """Return a session for `pool_size` threads. It retries nothing: whether a call may be repeated
    is not the transport's decision."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def post(
    session: requests.Session, url: str, body: bytes, headers: dict[str, str], *, timeout: float
) -> Reply:
    """Return the reply to a POST, with any status except 429. Redirects are not followed: they
    could send credentials to another host.

    Raises TransientError where nothing was sent; UnknownOutcomeError where something was sent and
    no complete reply came within `timeout` seconds; RateLimitedError on 429; MisconfiguredError for
    an invalid URL.
    """
    deadline = time.monotonic() + timeout
    try:
        with session.post(
            url, data=body, headers=headers, stream=True, allow_redirects=False,
            timeout=(min(CONNECT_SECONDS, timeout), timeout),
        ) as response:  # fmt: skip
            reply = Reply(
                status=response.status_code,
                kind=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                body=_read(response.raw.read1, deadline, response.status_code),
                headers=response.headers,
            )
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema) as err:  # fmt: skip
        raise MisconfiguredError("an address of Marketing Cloud is no URL") from err
    except (requests.RequestException, HTTPError, OSError) as err:
        # Not `from err`: its text contains the address and sometimes the request.
        raise _explain(err) from None
    if reply.status == 429:
        raise RateLimitedError("rate limited", http_status=429, retry_after=reply.retry_after)
    return reply


def _read(read: Callable[..., bytes], deadline: float, status: int) -> bytes:
    """Return the whole body. Checks the deadline itself: socket time-outs alone allow a slow reply
    to go on for hours."""
    parts, size = [], 0
    while part := read(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > REPLY_MAX:
            raise UnknownOutcomeError("the reply is too large", http_status=status)
        if time.monotonic() > deadline:
            raise UnknownOutcomeError("the reply took too long", http_status=status)
    return b"".join(parts)


def _explain(err: Exception) -> TransientError | UnknownOutcomeError:
    """Return the SfmcError for an exception of requests."""
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
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
