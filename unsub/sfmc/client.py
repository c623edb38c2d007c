"""The SOAP client: frozen values in and out, zeep inside."""

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, TypeVar

import zeep
import zeep.exceptions
from lxml import etree

from .addresses import tenant_address
from .auth import Auth, Login, OAuth
from .data_extensions import DataRow
from .definitions import Definition, read_definitions
from .errors import (
    MisconfiguredError,
    PermanentError,
    SfmcError,
    TokenExpiredError,
    UnknownOutcomeError,
)
from .http import new_session
from .mails import TriggeredSend
from .messages import (
    CallReply,
    ExecuteRequest,
    SystemStatus,
    client_element,
    read_call,
    read_system_status,
    text,
)
from .ready import ReadyRequest
from .retrieve import Page, RetrieveRequest, read_page
from .rights import says_no_right
from .subscribers import SubscriberUpdate
from .transport import Transport
from .watch import Watch, no_watch

T = TypeVar("T")
Before = Callable[[], None]
Saved = SubscriberUpdate | TriggeredSend | DataRow
WSDL = Path(__file__).with_name("partner.wsdl")
_API = "{http://exacttarget.com/wsdl/partnerAPI}"
_BINDING = f"{_API}SoapBinding"
_PATH = "/Service.asmx"
# zeep logs each value that it cannot parse at ERROR, with a traceback: could contain personal data.
logging.getLogger("zeep.xsd.types.simple").addFilter(lambda _: False)


class Client:
    """Marketing Cloud's SOAP API. Thread-safe.

    `soap_url` is the tenant's, with or without `/Service.asmx`; None uses the URL in the token.
    `timeout` is in seconds and applies to each HTTP exchange as a whole.

    `watch` is entered around each message, with the name of its operation.

    Calls that change something take `before`: it runs directly before each message is sent, after
    the credentials were obtained. What it raises is raised, and nothing is sent.
    """

    def __init__(
        self,
        *,
        auth: Auth,
        soap_url: str | None,
        timeout: float,
        pool_size: int = 20,
        watch: Watch = no_watch,
    ) -> None:
        self._auth = auth
        self._watch = watch
        self._soap_url = soap_url
        # strict=False: an element that the vendor adds must not turn a success into an error. It
        # also accepts broken XML, but `faults.check` has refused that before. Element order is
        # ignored, or everything after an added element would be lost.
        settings = zeep.Settings(strict=False, xsd_ignore_sequence_order=True)
        transport = Transport(timeout=timeout, session=new_session(pool_size))
        self._zeep = zeep.Client(  # type: ignore[no-untyped-call]
            str(WSDL), transport=transport, settings=settings
        )
        self._services: dict[str, Any] = {}
        self._lock = Lock()

    @property
    def has_tokens(self) -> bool:
        """Whether calls carry a token, which is of one business unit; else a user name."""
        return isinstance(self._auth, OAuth)

    def with_auth(self, auth: Auth) -> "Client":
        """Return a client with other credentials. It shares the loaded WSDL and the connections."""
        other = copy(self)
        other._auth = auth  # noqa: SLF001 - of this class
        return other

    def execute(
        self, requests: Sequence[ExecuteRequest], *, before: Before | None = None
    ) -> CallReply:
        """Send one Execute message of one or more requests and return its reply.

        Raises an SfmcError. An expired token is replaced and the call repeated, once.
        """
        if not requests:
            raise ValueError("an Execute message needs a request")
        if not all(request.fits_xml for request in requests):
            raise PermanentError("a parameter holds what XML cannot carry")
        elements = [ReadyRequest(request) for request in requests]
        return self._call("Execute", read_call, before, Requests=elements)

    def system_status(self) -> SystemStatus:
        """Return GetSystemStatus. Raises an SfmcError."""
        return self._call("GetSystemStatus", read_system_status)

    def retrieve(self, request: RetrieveRequest) -> Page:
        """Return one page of rows. Raises an SfmcError."""
        return self._call(
            "Retrieve",
            read_page,
            RetrieveRequest=request.as_element(self._type("SimpleFilterPart")),
        )

    def describe(self, object_type: str, client_mid: int | None = None) -> tuple[Definition, ...]:
        """Return the unit's attributes of an object type, in display order. Raises an SfmcError."""
        asked = client_element(client_mid) | {"ObjectType": object_type}
        requests = {"ObjectDefinitionRequest": [asked]}
        return self._call("Describe", read_definitions, DescribeRequests=requests)

    def update(
        self, updates: Sequence[SubscriberUpdate], *, before: Before | None = None
    ) -> CallReply:
        """Send one Update message of one or more subscribers and return its reply. Raises as
        `execute` does."""
        return self._save("Update", "Subscriber", updates, before)

    def upsert(self, rows: Sequence[DataRow], *, before: Before | None = None) -> CallReply:
        """Send one Update message that inserts or updates one or more rows of data extensions, and
        return its reply. Raises as `execute` does."""
        return self._save("Update", "DataExtensionObject", rows, before, DataRow.options())

    def create(self, sends: Sequence[TriggeredSend], *, before: Before | None = None) -> CallReply:
        """Send one Create message of one or more emails and return its reply. An email whose
        recipient was refused has the status Error. Raises as `execute` does."""
        return self._save("Create", "TriggeredSend", sends, before)

    def _save(
        self,
        name: str,
        kind: str,
        objects: Sequence[Saved],
        before: Before | None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> CallReply:
        """Send one message that writes objects of a kind and return its reply."""
        if not objects:
            raise ValueError(f"an {name} message needs an object")
        if not all(one.fits_xml for one in objects):
            raise PermanentError("a value holds what XML cannot carry")
        # Built as the concrete type: the schema types Objects as the base type, and zeep would drop
        # the rest.
        new = self._type(kind)
        elements = [new(**one.as_element()) for one in objects]
        # The schema requires Options, also where there are none to send.
        return self._call(name, read_call, before, Options=dict(options), Objects=elements)

    def _type(self, name: str) -> Callable[..., Any]:
        """Return the factory of a type in the WSDL."""
        made: Callable[..., Any] = self._zeep.get_type(  # type: ignore[no-untyped-call]
            f"{_API}{name}"
        )
        return made

    def _call(
        self, name: str, read: Callable[[Any], T], before: Before | None = None, **arguments: Any
    ) -> T:
        """Send one call and return what `read` makes of the reply. Repeats it once on
        TokenExpiredError."""
        login = self._auth.login()
        try:
            return self._send(login, name, read, before, arguments)
        except TokenExpiredError:
            # The expired call was refused before processing, so this is no second call.
            login = self._auth.login(refused=login)
            return self._send(login, name, read, before, arguments)

    def _send(
        self,
        login: Login,
        name: str,
        read: Callable[[Any], T],
        before: Before | None,
        arguments: dict[str, Any],
    ) -> T:
        operation = getattr(self._service(login), name)
        if before is not None:
            before()
        with self._watch(name):
            return self._exchange(operation, login, name, read, arguments)

    @staticmethod
    def _exchange(
        operation: Callable[..., Any],
        login: Login,
        name: str,
        read: Callable[[Any], T],
        arguments: dict[str, Any],
    ) -> T:
        """Send one message and return what `read` makes of the reply. Raises an SfmcError."""
        try:
            # A copy: an lxml element has one parent, and threads share logins.
            reply = operation(_soapheaders=[deepcopy(login.header)], **arguments)
            _check_right(name, reply)
            return read(reply)
        except PermanentError as err:
            if err.http_status != 400 or err.code is not None or login.token is not None:
                raise
            # Marketing Cloud answers so where this login is switched off (manual: 000388818).
            message = "HTTP 400 for user name and password"
            raise MisconfiguredError(message, http_status=400) from None
        except SfmcError:
            raise
        except zeep.exceptions.ValidationError:
            raise PermanentError("our message does not fit the WSDL") from None
        except (zeep.exceptions.Error, etree.LxmlError, ArithmeticError, AttributeError,
                LookupError, TypeError, ValueError):  # fmt: skip
            raise UnknownOutcomeError("the reply does not fit the WSDL") from None

    def _service(self, login: Login) -> Any:
        """Return zeep's service for the tenant's address, cached per address."""
        url = self._soap_url or tenant_address(login.soap_url or "", auth_url=login.auth_url)
        url = url.rstrip("/")
        address = url if url.lower().endswith(_PATH.lower()) else f"{url}{_PATH}"
        with self._lock:
            if address not in self._services:
                service = self._zeep.create_service(  # type: ignore[no-untyped-call]
                    _BINDING, address
                )
                self._services[address] = service
            return self._services[address]


def _check_right(name: str, reply: Any) -> None:
    """Raise MisconfiguredError where a reply says, instead of any result, that the package lacks
    the right for this call (seen: "Error: API Permission Failed")."""
    status = text(getattr(reply, "OverallStatus", None))
    if not status.startswith("Error") or getattr(reply, "Results", None):
        return
    if says_no_right(status):
        raise MisconfiguredError(
            f"no right for {name}", request_id=text(reply.RequestID)[:64], is_no_right=True
        )
