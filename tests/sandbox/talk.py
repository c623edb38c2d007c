"""A caller that writes its own envelopes: no SOAP library between the test and the wire."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from xml.sax.saxutils import escape

import requests
from lxml import etree

from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Subscriber

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
API = "{http://exacttarget.com/wsdl/partnerAPI}"
FAULT = "{urn:fault.partner.exacttarget.com}"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "sandbox",
    "client_secret": "sandbox",
}
_SECEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_SPACES = (
    'xmlns="http://exacttarget.com/wsdl/partnerAPI" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
STATUS_CALL = '<SystemStatusRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/>'


def eventually(probe: Callable[[], object]) -> bool:
    """Return True once `probe` is true, or False where it is not within 30 seconds."""
    deadline = time.monotonic() + 30
    while not probe():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Indexed(dict[int, Subscriber]):
    """Subscribers by SubscriberID. Counts how often all of them were gone through."""

    scans = 0

    def __iter__(self) -> Iterator[int]:
        """Count, and iterate."""
        self.scans += 1
        return super().__iter__()

    def values(self) -> Any:
        """Count, and return all subscribers."""
        self.scans += 1
        return super().values()

    def items(self) -> Any:
        """Count, and return all pairs."""
        self.scans += 1
        return super().items()


def count_scans(sandbox: Sandbox) -> Indexed:
    """Return the sandbox's own subscribers, which count from now on how often they are scanned."""
    people = sandbox.memory.people
    people.everybody = indexed = Indexed(people.everybody)
    return indexed


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One result in the reply."""

    status: str
    code: int | None
    ordinal: int | None
    message: str


def request(
    parameters: Mapping[str, str], *, mid: int | str | None = None, name: str = "LogUnsubEvent"
) -> str:
    """Return one `Requests` element."""
    client = "" if mid is None else f"<Client><ID>{mid}</ID></Client>"
    items = "".join(
        f"<Parameters><Name>{key}</Name><Value>{escape(value)}</Value></Parameters>"
        for key, value in parameters.items()
    )
    return f"<Requests>{client}<Name>{name}</Name>{items}</Requests>"


def execute_call(*items: str) -> str:
    """Return the body of an Execute call."""
    return (
        '<ExecuteRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">'
        f"{''.join(items)}</ExecuteRequestMsg>"
    )


def update_call(*items: str, options: str = "") -> str:
    """Return the body of an Update call."""
    return f"<UpdateRequest {_SPACES}><Options>{options}</Options>{''.join(items)}</UpdateRequest>"


def create_call(*items: str) -> str:
    """Return the body of a Create call."""
    return f"<CreateRequest {_SPACES}><Options/>{''.join(items)}</CreateRequest>"


def subscriber(key: str = "ada-1001", /, inside: str = "", *, mid: int | None = None) -> str:
    """Return one `Objects` element of an Update."""
    client = "" if mid is None else f"<Client><ID>{mid}</ID></Client>"
    return (
        f'<Objects xsi:type="Subscriber">{client}<SubscriberKey>{key}</SubscriberKey>'
        f"{inside}</Objects>"
    )


def attributes(given: Mapping[str, str]) -> str:
    """Return the `Attributes` elements of a Subscriber or a TriggeredSend."""
    return "".join(
        f"<Attributes><Name>{escape(name)}</Name><Value>{escape(value)}</Value></Attributes>"
        for name, value in given.items()
    )


def on_list(list_id: int | str, status: str = "", action: str = "") -> str:
    """Return a `Lists` element of a Subscriber."""
    said = f"<Status>{status}</Status>" if status else ""
    done = f"<Action>{action}</Action>" if action else ""
    return f"<Lists><ID>{list_id}</ID>{said}{done}</Lists>"


def retrieve_call(
    kind: str, *properties: str, where: tuple[str, str] | None = None, more: str = ""
) -> str:
    """Return the body of a Retrieve call. `where` is a property and the value it must equal."""
    named = "".join(f"<Properties>{one}</Properties>" for one in properties)
    filtered = (
        ""
        if where is None
        else (
            f'<Filter xsi:type="SimpleFilterPart"><Property>{where[0]}</Property>'
            f"<SimpleOperator>equals</SimpleOperator><Value>{escape(where[1])}</Value></Filter>"
        )
    )
    return (
        f"<RetrieveRequestMsg {_SPACES}><RetrieveRequest><ObjectType>{kind}</ObjectType>{named}"
        f"{filtered}{more}</RetrieveRequest></RetrieveRequestMsg>"
    )


def describe_call(*kinds: str) -> str:
    """Return the body of a Describe call."""
    asked = "".join(
        f"<ObjectDefinitionRequest><ObjectType>{kind}</ObjectType></ObjectDefinitionRequest>"
        for kind in kinds
    )
    return (
        f"<DefinitionRequestMsg {_SPACES}><DescribeRequests>{asked}</DescribeRequests>"
        "</DefinitionRequestMsg>"
    )


def fuel(token: str) -> str:
    """Return the header with an OAuth token."""
    return f'<fueloauth xmlns="http://exacttarget.com">{token}</fueloauth>'


def user(name: str, password: str) -> str:
    """Return the WS-Security header of a user."""
    return (
        f'<o:Security xmlns:o="{_SECEXT}"><o:UsernameToken><o:Username>{name}</o:Username>'
        f"<o:Password>{password}</o:Password></o:UsernameToken></o:Security>"
    )


def envelope(header: str, body: str) -> bytes:
    """Return a SOAP 1.1 envelope."""
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


class Caller:
    """A client of the sandbox with one connection; it fetches a token when it first needs one."""

    def __init__(self, url: str, *, account: int | None = None) -> None:
        self.url = url
        self._account = account
        self._token: str | None = None
        self.http = requests.Session()
        self.http.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @property
    def token(self) -> str:
        if self._token is None:
            account = {} if self._account is None else {"account_id": self._account}
            self._token = str(self.ask_token(**account).json()["access_token"])
        return self._token

    def ask_token(self, **changes: object) -> requests.Response:
        form = {**CREDENTIALS, **changes}
        return self.http.post(f"{self.url}v2/token", json=form, timeout=60)

    def post(
        self, body: str, *, header: str | None = None, action: str = "Execute", timeout: float = 60
    ) -> requests.Response:
        content = envelope(fuel(self.token) if header is None else header, body)
        return self.post_bytes(content, action=action, timeout=timeout)

    def post_bytes(
        self, content: bytes, *, action: str = "Execute", timeout: float = 60
    ) -> requests.Response:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        where = f"{self.url}Service.asmx"
        return self.http.post(where, data=content, headers=headers, timeout=timeout)

    def unsub(self, mid: int | None = None, /, **parameters: str) -> Said:
        """Return the only result of a LogUnsubEvent."""
        (said,) = results(self.post(execute_call(request(parameters, mid=mid))))
        return said

    def update(self, *items: str, options: str = "") -> Sequence[Said]:
        """Return the results of an Update."""
        return results(self.post(update_call(*items, options=options), action="Update"))

    def retrieve(
        self, kind: str, *properties: str, where: tuple[str, str] | None = None
    ) -> list[etree._Element]:
        """Return the rows of a Retrieve."""
        answer = self.post(retrieve_call(kind, *properties, where=where), action="Retrieve")
        return etree.fromstring(answer.content).findall(f".//{API}Results")

    def places(self, key: str) -> dict[int, str]:
        """Return a subscriber's status on each list that they are on, by ListID."""
        rows = self.retrieve("ListSubscriber", "ListID", "Status", where=("SubscriberKey", key))
        return {
            int(row.findtext(f"{API}ListID") or 0): str(row.findtext(f"{API}Status"))
            for row in rows
        }

    def get(self, path: str) -> Any:
        answer = self.http.get(f"{self.url}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def cue(self, kind: str, **fields: object) -> requests.Response:
        return self.http.post(f"{self.url}faults", json={"kind": kind, **fields}, timeout=60)


def overall(response: requests.Response) -> str:
    """Return the OverallStatus of a reply."""
    return str(etree.fromstring(response.content).findtext(f".//{API}OverallStatus"))


def results(response: requests.Response) -> Sequence[Said]:
    """Return the results of a reply, in order."""
    assert response.status_code == 200, response.text
    return [_said(x) for x in etree.fromstring(response.content).iterfind(f".//{API}Results")]


def _said(element: etree._Element) -> Said:
    code = element.findtext(f"{API}ErrorCode")
    ordinal = element.findtext(f"{API}OrdinalID")
    return Said(
        status=str(element.findtext(f"{API}StatusCode")),
        code=None if code is None else int(code),
        ordinal=None if ordinal is None else int(ordinal),
        message=str(element.findtext(f"{API}StatusMessage")),
    )


def fault(response: requests.Response) -> tuple[str, str, int | None]:
    """Return faultcode, faultstring and the apifault's Code of a fault."""
    assert response.status_code == 500, response.text
    element = etree.fromstring(response.content).find(f".//{SOAP}Fault")
    assert element is not None
    code = element.findtext(f"detail/{FAULT}apifault/{FAULT}Code")
    text = (str(element.findtext("faultcode")), str(element.findtext("faultstring")))
    return (*text, None if code is None else int(code))
