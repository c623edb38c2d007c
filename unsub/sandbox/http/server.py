"""HTTP server of the sandbox: keep-alive, Content-Length on every reply, one thread per
connection."""

import json
import socket
from collections.abc import Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl

from unsub.sandbox.operations.faults import Cue, CueError
from unsub.sandbox.soap import wsdl
from unsub.sandbox.soap.elements import number

from . import page, page_faults, page_links, tokens
from .bodies import BodyError, read_body
from .replies import Reply
from .service import Service

_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"


class Server(ThreadingHTTPServer):
    """A threaded server that can close its open connections, as an outage would."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Register the connection and serve it in its own thread."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection and unregister it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore callers that disconnect: fault injection makes them do so."""

    def hang_up(self) -> None:
        """Close every open connection, even in the middle of a reply."""
        with self._lock:
            for connection in self._open:
                _shut(connection)


class Handler(BaseHTTPRequestHandler):
    """Routes requests; Service decides everything else."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    # Header and body are sent as one packet, at once: a second packet could wait for an ACK.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 120

    def do_GET(self) -> None:
        """Serve the pages and the JSON lists."""
        self._route(self._GET)

    def do_HEAD(self) -> None:
        """Reply as GET does, without the body."""
        self._route(self._GET)

    def do_POST(self) -> None:
        """Serve SOAP, token requests and fault injection."""
        self._route(self._POST)

    def do_DELETE(self) -> None:
        """Remove injected faults."""
        self._route(self._DELETE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        """Log nothing: the page shows what happened."""

    def _route(self, routes: dict[str, Callable[["Handler"], None]]) -> None:
        # In any letter case, as the vendor's servers take it: its own SDK writes /service.asmx.
        path = self.path.partition("?")[0].lower()
        if path in routes:
            routes[path](self)
        elif any(path in other for other in (self._GET, self._POST, self._DELETE)):
            self._text(405, "Method not allowed")
        else:
            self._text(404, "Not found")

    def _page(self) -> None:
        asked = dict(parse_qsl(self.path.partition("?")[2]))
        options = page.PageOptions(live="live" in asked, search=asked.get("q", ""))
        self._show(200, options)

    def _show(self, status: int, options: page.PageOptions) -> None:
        service = self.server.service
        cues = service.cues.listing()
        self._send(status, page.render(service.memory, cues, service.emails, options), _HTML)

    def _links(self) -> None:
        service = self.server.service
        self._send(200, page_links.render(service.links, service.links_note), _HTML)

    def _health(self) -> None:
        self._text(200, "ok")

    def _wsdl(self) -> None:
        self._send(200, wsdl.render(self._base_url()), "text/xml; charset=utf-8")

    def _events(self) -> None:
        self._json(200, [asdict(x) for x in self.server.service.memory.entries("event")])

    def _masters(self) -> None:
        self._json(200, [asdict(x) for x in self.server.service.memory.entries("master")])

    def _updates(self) -> None:
        self._json(200, [asdict(x) for x in self.server.service.memory.updates()])

    def _mails(self) -> None:
        self._json(200, [asdict(x) for x in self.server.service.memory.mails()])

    def _rows(self) -> None:
        self._json(200, [asdict(x) for x in self.server.service.memory.row_changes()])

    def _person(self) -> None:
        found = number(parse_qs(self.path.partition("?")[2]).get("id", [""])[0])
        if found is None or found not in self.server.service.memory.subscribers:
            self._json(404, {"error": "no subscriber has that id"})
        else:
            self._json(200, self.server.service.memory.portrait(found))

    def _calls(self) -> None:
        self._json(200, self.server.service.calls.as_json())

    def _list_faults(self) -> None:
        self._json(200, self.server.service.cues.listing())

    def _add_fault(self) -> None:
        body = self._body()
        if body is None:
            return
        # Programs send JSON, often with the content type of a form: curl's default.
        is_form = b"{" not in body and b"kind=" in body
        try:
            cue = (
                page_faults.cue_of(dict(parse_qsl(body.decode("utf-8", "replace"))))
                if is_form
                else Cue.from_json(_parsed(body))
            )
        except CueError as err:
            if is_form:
                self._show(400, page.PageOptions(problem=str(err)))
            else:
                self._json(400, {"error": str(err)})
            return
        self.server.service.cues.add(cue)
        if is_form:
            self._see_other("/#faults")
        else:
            self._json(201, self.server.service.cues.listing())

    def _clear_by_form(self) -> None:
        if self._body() is not None:
            self.server.service.cues.clear()
            self._see_other("/#faults")

    def _see_other(self, there: str) -> None:
        """Reply that the page is to be fetched."""
        self.send_response(303)
        self.send_header("Location", there)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _clear_faults(self) -> None:
        if self._body() is not None:
            self.server.service.cues.clear()
            self._json(200, [])

    def _token(self) -> None:
        body = self._body()
        if body is None:
            return
        answer = self.server.service.token(_parsed(body), base_url=self._base_url())
        if isinstance(answer, Reply):
            self._reply(answer)
        else:
            self._json(*answer)

    def _legacy_token(self) -> None:
        body = self._body()
        if body is not None:
            answer = self.server.service.token(
                tokens.modern_form(_parsed(body)), base_url=self._base_url()
            )
            if isinstance(answer, Reply):
                self._reply(answer)
            else:
                self._json(*tokens.legacy_reply(*answer))

    def _soap(self) -> None:
        body = self._body()
        if body is not None:
            # SOAP 1.2 has the action in the content type.
            given = self.headers.get("SOAPAction") or self.headers.get_param("action") or ""
            self._reply(self.server.service.soap(body, action=str(given).strip().strip('"')))

    def _reply(self, reply: Reply) -> None:
        if reply.drop:
            self.close_connection = True
            _shut(self.connection)
            return
        self._send(reply.status, reply.body, reply.content_type, retry_after=reply.retry_after)

    def _body(self) -> bytes | None:
        """Return the body, or reply 400, 411 or 413 and return None."""
        try:
            return read_body(self.headers, self.rfile, required=self.command != "DELETE")
        except BodyError as err:
            self.close_connection = True
            self._text(err.status, str(err))
            return None

    def _base_url(self) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{self.headers.get('Host') or f'{host!s}:{port}'}/"

    def _text(self, status: int, text: str) -> None:
        self._send(status, text.encode(), _TEXT)

    def _json(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value, ensure_ascii=False).encode(), "application/json")

    def _send(
        self, status: int, body: bytes, content_type: str, *, retry_after: float | None = None
    ) -> None:
        self.send_response(status)
        if body:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:g}")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    _GET: ClassVar[dict[str, Callable[["Handler"], None]]] = {
        "/": _page,
        "/links": _links,
        "/healthz": _health,
        "/etframework.wsdl": _wsdl,
        "/events.json": _events,
        "/masters.json": _masters,
        "/updates.json": _updates,
        "/rows.json": _rows,
        "/mails.json": _mails,
        "/people.json": _person,
        "/calls.json": _calls,
        "/faults": _list_faults,
    }
    _POST: ClassVar[dict[str, Callable[["Handler"], None]]] = {
        "/service.asmx": _soap,
        "/v2/token": _token,
        "/v1/requesttoken": _legacy_token,
        "/faults": _add_fault,
        "/faults/clear": _clear_by_form,
    }
    _DELETE: ClassVar[dict[str, Callable[["Handler"], None]]] = {"/faults": _clear_faults}


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side has closed it already.
        return
