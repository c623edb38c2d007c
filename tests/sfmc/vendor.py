"""A fake vendor: an HTTP server with scripted replies in the shape of captured ones."""

import socket
import struct
from collections import deque
from collections.abc import Callable
from threading import Lock

from tests.stand_in import Answer, Handler, Received, StandIn, as_json

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


def token(value: str = TOKEN, *, life: float = 1079, soap_url: str = "") -> Answer:
    """Return a reply of the token endpoint."""
    body = {
        "access_token": value, "token_type": "Bearer", "expires_in": life, "scope": "",
        "soap_instance_url": soap_url, "rest_instance_url": soap_url,
    }  # fmt: skip
    return as_json(body)


def reset(handler: Handler) -> bool:
    """Reset the connection without sending anything."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    return False


def damaged_header(handler: Handler) -> bool:
    """Send a header without a colon, and all that follows in the header with it."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nno header\r\nX: WORDS-OF-THEIRS\r\n\r\n")
    return False


def sleep(seconds: float) -> Callable[[Handler], bool]:
    """Return an act that delays the reply."""

    def act(handler: Handler) -> bool:
        handler.server.closing.wait(seconds)
        return True

    return act


def hang(handler: Handler) -> bool:
    """Send nothing for as long as the server runs."""
    handler.server.closing.wait()
    return False


def drip(handler: Handler) -> bool:
    """Send an endless body in small pieces, each one in time."""
    _announce(handler, 1_000_000)
    while not handler.server.closing.wait(0.1):
        handler.wfile.write(b" ")
        handler.wfile.flush()
    return False


def drip_header(handler: Handler) -> bool:
    """Send an endless header, a line at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n")
    return _repeat(handler, b"X-More: 1\r\n")


def drip_status(handler: Handler) -> bool:
    """Send a status line byte by byte, without end."""
    handler.wfile.write(b"HTTP/1.1 200 ")
    return _repeat(handler, b"O")


def continue_for_ever(handler: Handler) -> bool:
    """Send `100 Continue` again and again."""
    return _repeat(handler, b"HTTP/1.1 100 Continue\r\n\r\n")


def empty_gzip_blocks(handler: Handler) -> bool:
    """Send a gzip body of blocks that contain nothing."""
    handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 1000000\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03"
    )
    return _repeat(handler, b"\x00\x00\x00\xff\xff")


def empty_chunks(handler: Handler) -> bool:
    """Send a chunk of one blank at a time."""
    handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return _repeat(handler, b"1\r\n \r\n")


def _repeat(handler: Handler, piece: bytes) -> bool:
    """Send a piece every 0.05 s until the other side hangs up."""
    while not handler.server.closing.wait(0.05):
        handler.wfile.write(piece)
        handler.wfile.flush()
    return False


def cut(handler: Handler) -> bool:
    """Announce a whole reply and send half of it."""
    body = reply()
    _announce(handler, len(body))
    handler.wfile.write(body[: len(body) // 2])
    return False


def _announce(handler: Handler, length: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


class Vendor(StandIn):
    """`soap` and `tokens` are queues of replies; the last reply stays."""

    def __init__(self) -> None:
        super().__init__()
        self.soap: deque[Answer] = deque([Answer(body=reply())])
        self.tokens: deque[Answer] = deque([token()])
        self.messages: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.token_requests: list[bytes] = []
        self._lock = Lock()

    def answers(self, *answers: Answer) -> None:
        """Answer SOAP calls with these replies in order; the last one stays."""
        self.soap = deque(answers)

    def answer(self, received: Received) -> Answer:
        """Return the next reply, and keep the request."""
        with self._lock:
            if received.path == "/v2/token":
                self.token_requests.append(received.body)
                queue = self.tokens
            else:
                self.messages.append(received.body)
                self.headers.append(dict(received.headers))
                queue = self.soap
            return queue.popleft() if len(queue) > 1 else queue[0]
