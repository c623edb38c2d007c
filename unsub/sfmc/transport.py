"""zeep transport that checks each reply before zeep parses it, and logs nothing."""

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
    """zeep's transport. `timeout` is in seconds for each HTTP exchange."""

    def __init__(self, *, timeout: float, session: requests.Session) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            session=session, timeout=timeout, operation_timeout=timeout
        )

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        """Return a reply that contains the expected message. Raises the SfmcError it represents
        otherwise."""
        reply = post(self.session, address, message, headers, timeout=self.operation_timeout)
        faults.check(reply, answer=_ANSWERS[headers["SOAPAction"].strip('"')])
        response = requests.Response()
        response.status_code = reply.status
        response.headers["Content-Type"] = reply.kind
        response.raw = BytesIO(reply.body)
        return response
