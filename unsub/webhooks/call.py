"""One POST to a receiver, with limits on its time and on what is read. Redirects are not followed:
the signature is meant for one receiver."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from unsub.infra.public_addresses import ForbiddenAddressError, new_session
from unsub.models import WebhookResult
from unsub.sfmc.deadline import exchange
from unsub.sfmc.http import Reply

# Of a response nothing is needed but its status. A short body is read, so that the connection can
# be used again.
READ_MAX = 64 * 1024
CONNECT_SECONDS = 5.0
AGENT = "profile-center-webhooks/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a call ended. `retry_after` is in seconds."""

    result: WebhookResult
    status_code: int | None = None
    retry_after: float | None = None


def may_call(url: str) -> bool:
    """Return whether a URL may be called at all: https, or http where the settings allow it."""
    schemes = {"https", "http"} if settings.WEBHOOK_ALLOW_PRIVATE else {"https"}
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def session() -> requests.Session:
    """Return a session for one thread and one receiver."""
    return new_session(allow_private=settings.WEBHOOK_ALLOW_PRIVATE)


def post(using: requests.Session, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Return how a POST ended. It takes at most WEBHOOK_TIMEOUT seconds from looking up the name to
    the end of the response. Nothing is raised."""
    if not may_call(url):
        return Answer(result=WebhookResult.FORBIDDEN)
    seconds = settings.WEBHOOK_TIMEOUT
    with exchange(seconds) as running:
        try:
            found = _exchange(using, url, body, headers, seconds)
        except (requests.RequestException, HTTPError, OSError, ValueError) as err:
            return Answer(result=WebhookResult.TIMEOUT if running.is_over else _result_of(err))
    # A connection that was shut down at the deadline looks as if its response had ended.
    return Answer(result=WebhookResult.TIMEOUT) if running.is_over else found


def _exchange(
    using: requests.Session, url: str, body: bytes, headers: dict[str, str], seconds: float
) -> Answer:
    with using.post(
        url, data=body, headers=headers | {"User-Agent": AGENT}, stream=True, allow_redirects=False,
        timeout=(min(CONNECT_SECONDS, seconds), seconds),
    ) as response:  # fmt: skip
        _read_some(response)
        reply = Reply(status=response.status_code, kind="", body=b"", headers=response.headers)
    return _read(reply)


def _read_some(response: requests.Response) -> None:
    """Read the body up to READ_MAX bytes. The connection of a longer one is closed."""
    size = 0
    while size < READ_MAX and (part := response.raw.read1(16 * 1024, decode_content=False)):
        size += len(part)


def _read(reply: Reply) -> Answer:
    code = reply.status
    if 200 <= code < 300:
        return Answer(result=WebhookResult.DELIVERED, status_code=code)
    result = WebhookResult.REDIRECT if 300 <= code < 400 else WebhookResult.HTTP_ERROR
    return Answer(result=result, status_code=code, retry_after=reply.retry_after)


def _result_of(err: Exception) -> WebhookResult:
    """Return the result for an exception of requests or urllib3."""
    if _has(err, ForbiddenAddressError):
        return WebhookResult.FORBIDDEN
    if isinstance(err, requests.exceptions.SSLError):
        return WebhookResult.NO_TLS
    if isinstance(err, requests.ConnectTimeout):
        return WebhookResult.NO_CONNECTION
    if isinstance(err, requests.Timeout):
        return WebhookResult.TIMEOUT
    is_broken = _has(err, ConnectionResetError, BrokenPipeError) or isinstance(
        err, requests.exceptions.ChunkedEncodingError
    )
    if isinstance(err, requests.ConnectionError) and not is_broken and _is_unsent(err):
        return WebhookResult.NO_CONNECTION
    return WebhookResult.BROKEN


def _is_unsent(err: Exception) -> bool:
    return any(type(one).__name__ in _UNSENT for one in _chain(err))


_UNSENT = {"NewConnectionError", "NameResolutionError"}


def _has(err: Exception, *kinds: type[BaseException]) -> bool:
    return any(isinstance(one, kinds) for one in _chain(err))


def _chain(err: BaseException) -> list[BaseException]:
    """Return an exception, what it was raised for, and what it carries."""
    found: list[BaseException] = []
    todo: list[object] = [err]
    while todo and len(found) < 20:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
