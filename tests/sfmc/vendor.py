"""A fake vendor: an HTTP server with scripted replies in the shape of captured ones."""

import json
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Self

TOKEN = "token-that-nobody-may-see"
GUID = "038cce1e-3d36-4b4e-9c5e-0a0f3b2d9a11"
HEAD = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
 xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">
<soap:Header><wsa:Action>ExecuteResponse</wsa:Action><wsa:MessageID>urn:uuid:1</wsa:MessageID>
<wsse:Security><wsu:Timestamp wsu:Id="T"><wsu:Created>2026-01-01T00:00:00Z</wsu:Created>
<wsu:Expires>2026-01-01T00:05:00Z</wsu:Expires></wsu:Timestamp></wsse:Security></soap:Header>
<soap:Body>"""
TAIL = "</soap:Body></soap:Envelope>"
OK = "<Results><StatusCode>OK</StatusCode><StatusMessage>Event posted</StatusMessage></Results>"


def reply(results: str = OK, *, status: str = "OK") -> bytes:
    """Return an ExecuteResponseMsg."""
    return (
        f'{HEAD}<ExecuteResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">'
        f"<OverallStatus>{status}</OverallStatus><RequestID>{GUID}</RequestID>{results}"
        f"</ExecuteResponseMsg>{TAIL}"
    ).encode()


def system_status(status: str) -> bytes:
    """Return a SystemStatusResponseMsg, with an outage element that our WSDL does not have."""
    outage = "<Outages><Outage><Description>x</Description></Outage></Outages>"
    return (
        f'{HEAD}<SystemStatusResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">'
        "<Results><Result><StatusCode>OK</StatusCode><StatusMessage>m</StatusMessage>"
        f"<SystemStatus>{status}</SystemStatus>{outage}</Result></Results>"
        "<OverallStatus>OK</OverallStatus><OverallStatusMessage/>"
        f"<RequestID>{GUID}</RequestID></SystemStatusResponseMsg>{TAIL}"
    ).encode()


def fault(code: int | None = None, *, faultcode: str = "soap:Server", words: str = "x") -> bytes:
    """Return a SOAP fault, with an apifault if there is a code."""
    detail = ""
    if code is not None:
        detail = (
            '<detail><ns1:apifault xmlns:ns1="urn:fault.partner.exacttarget.com">'
            f"<ns1:Code>{code}</ns1:Code><ns1:Message>m</ns1:Message></ns1:apifault></detail>"
        )
    return (
        f'{HEAD}<soap:Fault xmlns:q0="urn:q0"><faultcode>{faultcode}</faultcode>'
        f"<faultstring>{words}</faultstring>{detail}</soap:Fault>{TAIL}"
    ).encode()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One scripted reply. `act` runs instead of sending it."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/xml; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[BaseHTTPRequestHandler], None] | None = None


def token(value: str = TOKEN, *, life: float = 1079, soap_url: str = "") -> Answer:
    """Return a reply of the token endpoint."""
    body = {
        "access_token": value, "token_type": "Bearer", "expires_in": life, "scope": "",
        "soap_instance_url": soap_url, "rest_instance_url": soap_url,
    }  # fmt: skip
    return Answer(body=json.dumps(body).encode(), kind="application/json")


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection without sending anything."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def sleep(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an act that delays the reply."""

    def act(_handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return act


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send an endless body in small pieces, each one in time."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Announce a whole reply and send half of it."""
    body = reply()
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    # The default backlog is 5: a crowd of sixteen would have some connections reset.
    request_queue_size = 64
    daemon_threads = True


class Vendor:
    """Listens on 127.0.0.1. `soap` and `tokens` are queues of replies; the last reply stays."""

    def __init__(self) -> None:
        self.soap: deque[Answer] = deque([Answer(body=reply())])
        self.tokens: deque[Answer] = deque([token()])
        self.messages: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.token_requests: list[bytes] = []
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answers(self, *answers: Answer) -> None:
        """Answer SOAP calls with these replies in order; the last one stays."""
        self.soap = deque(answers)

    def _next(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        with self._lock:
            if path == "/v2/token":
                self.token_requests.append(body)
                queue = self.tokens
            else:
                self.messages.append(body)
                self.headers.append(headers)
                queue = self.soap
            return queue.popleft() if len(queue) > 1 else queue[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = vendor._next(self.path, body, dict(self.headers))
                if answer.act:
                    answer.act(self)
                    if answer.act in {reset, drip, cut}:
                        return
                kind = {"Content-Type": answer.kind} if answer.kind else {}
                self.send_response(answer.status)
                length = {"Content-Length": str(len(answer.body))}
                for name, value in (length | kind | answer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

            def handle(self) -> None:
                """Ignore errors of a client that has disconnected."""
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

        return Handler

    def __enter__(self) -> Self:
        """Return the server, listening."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
