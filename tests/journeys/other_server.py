"""A second implementation of Marketing Cloud's protocol, independent of the sandbox.

It answers in the form of captured replies: a SOAP prefix of its own, WS-Addressing and WS-Security
in the header, no ErrorCode and no OrdinalID on success.
"""

import json
from uuid import uuid4

from lxml import etree

from tests.stand_in import Answer, Received, StandIn, as_json

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


class OtherServer(StandIn):
    """`received` is the parameters of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[dict[str, str]] = []

    def answer(self, received: Received) -> Answer:
        """Return a token, or the reply to an Execute message."""
        if received.path == "/v2/token":
            return self._token(received.body)
        return Answer(body=self._execute(received.body))

    def _token(self, body: bytes) -> Answer:
        """Return a token for a request in the right form."""
        assert json.loads(body)["grant_type"] == "client_credentials"
        return as_json({
            "access_token": TOKEN, "token_type": "Bearer", "expires_in": 1200, "scope": "",
            "soap_instance_url": f"{self.url}/", "rest_instance_url": f"{self.url}/",
        })  # fmt: skip

    def _execute(self, body: bytes) -> bytes:
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
