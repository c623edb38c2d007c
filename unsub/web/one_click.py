"""The plain one-click POST, answered before Django (docs/adr/0035).

It is the request that mailbox providers send by the thousand: a POST to /u/ and a whole token, with
the body of RFC 8058 and nothing else. Whatever differs from that goes to Django unchanged. What is
done with it is `accept`, which Django's view calls, too; how it is answered is what Django answered
to the same kind of request before.
"""

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpResponse

from unsub.domain.context import UnsubContext
from unsub.infra import request_id, tracing
from unsub.links.tokens import LinkError
from unsub.models import Channel
from unsub.outbox import api as outbox
from unsub.outbox.api import Submission
from unsub.units.opening import open_link

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
_Headers = list[tuple[str, str]]

# A token that nothing was added to. Any other text may be a damaged link.
_PATH = re.compile(r"/u/([A-Za-z0-9_.-]*[A-Za-z0-9_-])/?")
_BODY = b"List-Unsubscribe=One-Click"
_PLAIN = (
    ("REQUEST_METHOD", "POST"),
    ("SCRIPT_NAME", ""),
    ("QUERY_STRING", ""),
    ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
    ("CONTENT_LENGTH", str(len(_BODY))),
)
_VIEW = "unsub:unsubscribe"
# In the environment of a request that was tried here: the exception that it ended with. Clients
# cannot set it: their headers are called HTTP_...
TRIED = "profilecenter.one_click_tried"
ACCEPTED = "Unsubscribe request accepted."
_ANSWER = f"{ACCEPTED}\n".encode()
_ORIGINS_MAX = 64


def accept(token: str, context: UnsubContext, *, tried: Exception | None = None) -> None:
    """Store a one-click request, once. `context` is what the token's signature covers. Raises what
    `outbox.submit` raises, or `tried`, what it has raised for this request before."""
    if tried is not None:
        raise tried
    outbox.submit(Submission(token=token, context=context, channel=Channel.ONE_CLICK))


class OneClickFirst:
    """A WSGI application that accepts plain one-click requests and leaves all others to Django's.

    Whether a host is allowed, and which headers a response has, is Django's decision: requests are
    accepted here for a host and a scheme for which Django has twice given the same response. Only
    the id of the request differs from one response to the next.
    """

    def __init__(self, django: Application) -> None:
        self._django = django
        self._seen: dict[tuple[Any, ...], _Headers] = {}
        self._known: dict[tuple[Any, ...], _Headers] = {}

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Return the body of the response."""
        token = _plain_token(environ)
        if not token:
            return self._django(environ, start_response)
        origin = (
            environ.get("HTTP_HOST"),
            environ.get("HTTP_X_FORWARDED_PROTO"),
            environ["wsgi.url_scheme"],
        )
        headers = self._known.get(origin)
        if headers is None:
            return self._learn(origin, environ, start_response)
        sent = _accepted_as(token, environ)
        if not sent:
            return self._django(environ, start_response)
        start_response("200 OK", [*headers, (request_id.HEADER, sent)])
        return [_ANSWER]

    def _learn(
        self, origin: tuple[Any, ...], environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Return Django's response, and note its headers where it accepted the request."""
        started: list[tuple[str, _Headers]] = []

        def starting(status: str, headers: _Headers, *more: Any) -> Any:
            started.append((status, headers))
            return start_response(status, headers, *more)

        response = self._django(environ, starting)
        (status, headers), *_ = started
        if status == "200 OK" and isinstance(response, HttpResponse):
            self._note(origin, headers, response)
        return response

    def _note(self, origin: tuple[Any, ...], headers: _Headers, response: HttpResponse) -> None:
        *same, last = headers
        if last[0] != request_id.HEADER or response.content != _ANSWER:
            return
        if len(self._seen) >= _ORIGINS_MAX:
            self._seen.clear()
            self._known.clear()
        if self._seen.get(origin) == same:
            self._known[origin] = same
        self._seen[origin] = same


def _plain_token(environ: Environ) -> str:
    """Return the token of a plain one-click request, "" for any other. The body can be read
    again."""
    for name, value in _PLAIN:
        if environ.get(name, "") != value:
            return ""
    found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
    if not found:
        return ""
    source = environ["wsgi.input"]
    try:
        body = source.read(len(_BODY))
    except OSError:
        return ""
    environ["wsgi.input"] = BytesIO(body)
    return found[1] if body == _BODY else ""


def _accepted_as(token: str, environ: Environ) -> str:
    """Return the id under which the request was accepted, or "" where Django has to answer. The
    environment then says what was tried."""
    # As Django does at the begin and the end of a request.
    close_old_connections()
    try:
        context = open_link(token)
    except (LinkError, DatabaseError, InterfaceError):
        return ""
    if context.is_test:
        return ""
    mine = request_id.accepted(environ.get("HTTP_X_REQUEST_ID")) or request_id.new()
    try:
        with request_id.bound(mine), tracing.span("http request", http_request_id=mine):
            accept(token, context)
            tracing.note(view=_VIEW, status=200)
    except Exception as err:  # noqa: BLE001 - Django answers for it, and logs what nobody expected
        environ[TRIED] = err
        environ["HTTP_X_REQUEST_ID"] = mine
        return ""
    finally:
        close_old_connections()
    return mine
