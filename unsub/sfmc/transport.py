"""zeep transport that checks each reply before zeep parses it, and logs nothing."""

from codecs import BOM_UTF8
from dataclasses import replace
from io import BytesIO

import requests
import zeep.transports

from . import faults
from .http import post

# SOAPAction -> body element of the reply.
_ANSWERS = {
    "Create": "CreateResponse",
    "Describe": "DefinitionResponseMsg",
    "Execute": "ExecuteResponseMsg",
    "GetSystemStatus": "SystemStatusResponseMsg",
    "Retrieve": "RetrieveResponseMsg",
    "Update": "UpdateResponse",
}


class Transport(zeep.transports.Transport):
    """zeep's transport. `timeout` is in seconds for each HTTP exchange as a whole."""

    def __init__(self, *, timeout: float, session: requests.Session) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            session=session, timeout=timeout, operation_timeout=timeout
        )

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        """Return a reply that contains the expected message. Raises the SfmcError it represents
        otherwise."""
        reply = post(self.session, address, message, headers, timeout=self.operation_timeout)
        reply = replace(reply, body=_from_declaration(reply.body))
        faults.check(reply, answer=_ANSWERS[headers["SOAPAction"].strip('"')])
        response = requests.Response()
        response.status_code = reply.status
        response.headers["Content-Type"] = reply.kind
        response.raw = BytesIO(reply.body)
        return response


def _from_declaration(body: bytes) -> bytes:
    """Return the body without blanks and byte order marks before the XML: XML forbids the blanks,
    but they are no reason to lose a reply."""
    while (bare := body.lstrip().removeprefix(BOM_UTF8)) != body:
        body = bare
    return body
