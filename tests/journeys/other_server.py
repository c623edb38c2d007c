"""A second implementation of Marketing Cloud's protocol, independent of the sandbox.

It answers in the form of captured replies: a SOAP prefix of its own, WS-Addressing and WS-Security
in the header, no ErrorCode and no OrdinalID on success.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from lxml import etree

PARTNER = "{http://exacttarget.com/wsdl/partnerAPI}"
TOKEN = "a-token-of-the-other-server"
REPLY = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
  xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
  xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
  xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">
 <soap:Header>
  <wsa:Action>ExecuteResponse</wsa:Action>
  <wsa:MessageID>urn:uuid:{request_id}</wsa:MessageID>
  <wsse:Security><wsu:Timestamp wsu:Id="Timestamp-1"><wsu:Created>2026-01-01T00:00:00Z</wsu:Created>
  <wsu:Expires>2026-01-01T00:05:00Z</wsu:Expires></wsu:Timestamp></wsse:Security>
 </soap:Header>
 <soap:Body>
  <ExecuteResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">
   <OverallStatus>OK</OverallStatus><RequestID>{request_id}</RequestID>{results}
  </ExecuteResponseMsg>
 </soap:Body>
</soap:Envelope>"""
RESULT = "<Results><StatusCode>OK</StatusCode><StatusMessage>Event posted</StatusMessage></Results>"


class OtherServer:
    """Listens on a free port of 127.0.0.1. `received` has the parameters of each request."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        other = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = other.token(body) if self.path == "/v2/token" else other.execute(body)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                kind = "application/json" if self.path == "/v2/token" else "text/xml; charset=utf-8"
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Do not log."""

        return Handler

    def token(self, body: bytes) -> bytes:
        """Return a token. Asserts the form of the request."""
        assert json.loads(body)["grant_type"] == "client_credentials"
        answer = {
            "access_token": TOKEN, "token_type": "Bearer", "expires_in": 1200, "scope": "",
            "soap_instance_url": f"{self.url}/", "rest_instance_url": f"{self.url}/",
        }  # fmt: skip
        return json.dumps(answer).encode()

    def execute(self, body: bytes) -> bytes:
        """Return a success for each request of an Execute message."""
        message = etree.fromstring(body)
        assert message.findtext(".//{http://exacttarget.com}fueloauth") == TOKEN
        requests = message.findall(f".//{PARTNER}Requests")
        self.received += [
            {
                str(pair.findtext(f"{PARTNER}Name")): str(pair.findtext(f"{PARTNER}Value"))
                for pair in request.findall(f"{PARTNER}Parameters")
            }
            for request in requests
        ]
        filled = REPLY.format(request_id=uuid4(), results=RESULT * len(requests))
        return filled.encode()

    def __enter__(self) -> Self:
        """Return the listening server."""
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
