"""The client: values in, values out, zeep in between."""

import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import requests
import zeep
import zeep.exceptions
import zeep.transports
from lxml import etree

from . import faults
from .auth import Auth, Login
from .errors import MisconfiguredError, PermanentError, SfmcError, TokenExpired, UnknownOutcome
from .http import new_session, post
from .messages import (
    ExecuteReply,
    ExecuteRequest,
    SystemStatus,
    read_execute,
    read_system_status,
)
from .retrieve import Page, RetrieveRequest, read_page, server_time

T = TypeVar("T")
WSDL = Path(__file__).with_name("partner.wsdl")
_BINDING = "{http://exacttarget.com/wsdl/partnerAPI}SoapBinding"
_PATH = "/Service.asmx"
# SOAPAction -> the element of its answer.
_ANSWERS = {
    "Execute": "ExecuteResponseMsg",
    "GetSystemStatus": "SystemStatusResponseMsg",
    "Retrieve": "RetrieveResponseMsg",
}
_FILTER = "{http://exacttarget.com/wsdl/partnerAPI}SimpleFilterPart"
# Where zeep cannot read a value it logs it, with a traceback, at ERROR.
logging.getLogger("zeep.xsd.types.simple").addFilter(lambda _: False)


class Client:
    """Marketing Cloud's SOAP API, for many threads at once.

    `soap_url` is the tenant's, with or without `/Service.asmx`; None leaves it to the token.
    `timeout` is in seconds and holds for each HTTP exchange.
    """

    def __init__(
        self, *, auth: Auth, soap_url: str | None, timeout: float, pool_size: int = 20
    ) -> None:
        self._auth = auth
        self._soap_url = soap_url
        # strict=False: an element that the vendor adds must not turn a success into an error.
        # What it would also forgive, broken XML, `faults.check` has refused before.
        settings = zeep.Settings(strict=False)
        transport = _Transport(timeout=timeout, session=new_session(pool_size))
        self._zeep = zeep.Client(  # type: ignore[no-untyped-call]
            str(WSDL), transport=transport, settings=settings
        )
        self._services: dict[str, Any] = {}
        self._lock = Lock()

    def execute(self, requests: Sequence[ExecuteRequest]) -> ExecuteReply:
        """Return the answer to one Execute message of one or more requests.

        Raises an SfmcError. A token that ran out is replaced and the call repeated, once.
        """
        if not requests:
            raise ValueError("an Execute message needs a request")
        if not all(request.fits_xml for request in requests):
            raise PermanentError("a parameter holds what XML cannot carry")
        return self._call("Execute", read_execute, Requests=[r.as_element() for r in requests])

    def system_status(self) -> SystemStatus:
        """Return what GetSystemStatus says; raises an SfmcError."""
        return self._call("GetSystemStatus", read_system_status)

    def retrieve(self, request: RetrieveRequest) -> Page:
        """Return one page of rows; raises an SfmcError."""
        element: dict[str, Any] = {
            "ObjectType": request.object_type,
            "Properties": list(request.properties),
        }
        if request.client_mid is not None:
            element["ClientIDs"] = [{"ID": request.client_mid}]
        if request.continues is not None:
            element["ContinueRequest"] = request.continues
        elif request.filter is not None:
            condition = request.filter
            kind = self._zeep.get_type(_FILTER)  # type: ignore[no-untyped-call]
            element["Filter"] = kind(
                Property=condition.property,
                SimpleOperator=condition.operator,
                Value=list(condition.values),
                DateValue=[server_time(at) for at in condition.times],
            )
        return self._call("Retrieve", read_page, RetrieveRequest=element)

    def _call(self, name: str, read: Callable[[Any], T], **arguments: Any) -> T:
        """Return the value of a call's reply."""
        login = self._auth.login()
        try:
            return self._send(login, name, read, arguments)
        except TokenExpired:
            # It was refused before it was looked at, so this is the same call, not another.
            login = self._auth.login(refused=login)
            return self._send(login, name, read, arguments)

    def _send(
        self, login: Login, name: str, read: Callable[[Any], T], arguments: dict[str, Any]
    ) -> T:
        """Return what `read` makes of the reply to one call."""
        operation = getattr(self._service(login), name)
        try:
            # A copy: an element of lxml has one parent, and logins are shared by threads.
            return read(operation(_soapheaders=[deepcopy(login.header)], **arguments))
        except SfmcError:
            raise
        except zeep.exceptions.ValidationError:
            raise PermanentError("our message does not fit the WSDL") from None
        except (zeep.exceptions.Error, etree.LxmlError, AttributeError, LookupError, TypeError,
                ValueError):  # fmt: skip
            raise UnknownOutcome("the reply does not fit the WSDL") from None

    def _service(self, login: Login) -> Any:
        """Return zeep's service for the tenant's address."""
        url = (self._soap_url or login.soap_url or "").rstrip("/")
        if not url:
            raise MisconfiguredError("neither a setting nor the token says the SOAP address")
        address = url if url.lower().endswith(_PATH.lower()) else f"{url}{_PATH}"
        with self._lock:
            if address not in self._services:
                service = self._zeep.create_service(  # type: ignore[no-untyped-call]
                    _BINDING, address
                )
                self._services[address] = service
            return self._services[address]


class _Transport(zeep.transports.Transport):
    """zeep's transport, with our own exchange: checked before it is parsed, and never logged."""

    def __init__(self, *, timeout: float, session: requests.Session) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            session=session, timeout=timeout, operation_timeout=timeout
        )

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        """Return a reply that holds an answer; raises the SfmcError it is otherwise."""
        reply = post(self.session, address, message, headers, timeout=self.operation_timeout)
        faults.check(reply, answer=_ANSWERS[headers["SOAPAction"].strip('"')])
        response = requests.Response()
        response.status_code = reply.status
        response.headers["Content-Type"] = reply.kind
        response.raw = BytesIO(reply.body)
        return response
