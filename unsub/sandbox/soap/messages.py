"""SOAP requests, 1.1 or 1.2: parse credentials, operation and parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from . import objects
from .elements import at, client_of, text
from .filters import read_filter
from .namespaces import SOAP, SOAP_12, WSSE
from .requests import AnyRequest, Describe, ExecuteRequest, Retrieve

_OPERATIONS = {
    at("ExecuteRequestMsg"): "Execute",
    at("SystemStatusRequestMsg"): "GetSystemStatus",
    at("RetrieveRequestMsg"): "Retrieve",
    at("DefinitionRequestMsg"): "Describe",
    at("UpdateRequest"): "Update",
    at("CreateRequest"): "Create",
}


_VERSIONS = frozenset({SOAP, SOAP_12})
# Parts of a RetrieveRequest and of its Options that are served.
_SERVED = frozenset(
    map(at, ("ClientIDs", "ObjectType", "Properties", "Filter", "ContinueRequest", "Options"))
)
_SERVED_OPTIONS = frozenset({at("BatchSize")})
# What is said of a part that asks for nothing. Nested objects are included, unless told not to.
_NOTHING = frozenset({"", "false", "0"})
_DEFAULTS = {at("IncludeObjects"): frozenset({"", "true", "1"})}


class EnvelopeError(ValueError):
    """The body is not a SOAP envelope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A parsed request. `operation` is `unknown` for an unsupported element. `soap` is the
    namespace of the SOAP version, `action` that of the addressing header or "". `unserved` is an
    option that the sandbox does not serve, or ""."""

    soap: str
    action: str
    operation: str
    token: str | None
    username: str | None
    password: str | None
    requests: tuple[AnyRequest, ...]
    unserved: str = ""

    @property
    def labels(self) -> frozenset[str]:
        """Labels that an injected fault's `operation` can match: `Retrieve`, `Retrieve:List`; of
        rows of a data extension with and without its key."""
        types = {one.object_type for one in self.requests} - {""}
        types |= {one.partition("[")[0] for one in types}
        return frozenset({self.operation, *(f"{self.operation}:{one}" for one in types)})


def read(body: bytes) -> Message:
    """Return the parsed envelope. Raises EnvelopeError."""
    # No entities and no network: SOAP does not allow a document type (SOAP 1.1, section 3).
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as err:
        raise EnvelopeError("not well-formed") from err
    soap = etree.QName(root).namespace or ""
    content = root.find(f"{{{soap}}}Body")
    doctype: object = root.getroottree().docinfo.internalDTD
    if soap not in _VERSIONS or etree.QName(root).localname != "Envelope":
        raise EnvelopeError("not an envelope of SOAP 1.1 or 1.2")
    if content is None or doctype is not None:
        raise EnvelopeError("no Body, or a document type")
    header = f"{{{soap}}}Header"
    call = next(content.iterchildren(tag=etree.Element), None)
    operation = "unknown" if call is None else _OPERATIONS.get(str(call.tag), "unknown")
    # Clients write these headers in several namespaces and in none, all of which work there.
    token = text(root, f"{header}/{{*}}fueloauth")
    return Message(
        soap=soap,
        action=text(root, f"{header}/{{*}}Action") or "",
        operation=operation,
        token=token or text(root, f"{header}/{{*}}oAuth/{{*}}oAuthToken") or token,
        username=text(root, f"{header}//{{{WSSE}}}Username"),
        password=text(root, f"{header}//{{{WSSE}}}Password"),
        requests=() if call is None else tuple(_READERS.get(operation, _nothing)(call)),
        unserved="" if call is None else objects.unserved_option(call),
    )


def _nothing(_call: etree._Element) -> Iterator[AnyRequest]:
    return iter(())


def _retrieve(call: etree._Element) -> Iterator[AnyRequest]:
    item = call.find(at("RetrieveRequest"))
    if item is None:
        return
    yield Retrieve(
        object_type=text(item, at("ObjectType")) or "",
        properties=tuple((one.text or "").strip() for one in item.iterfind(at("Properties"))),
        client_id=client_of(item, "ClientIDs"),
        filter=read_filter(item.find(at("Filter"))),
        batch_size=text(item, at("Options", "BatchSize")),
        continues=text(item, at("ContinueRequest")),
        unserved=tuple(_unserved(item)),
    )


def _unserved(item: etree._Element) -> Iterator[str]:
    """Yield the names of parts that ask for something the sandbox does not do. Empty ones, and
    those that say false, ask for nothing."""
    options = item.find(at("Options"))
    for parent, served in ((item, _SERVED), (options, _SERVED_OPTIONS)):
        for one in () if parent is None else parent.iterchildren(tag=etree.Element):
            said = "".join(map(str, one.itertext())).strip().lower()
            if one.tag not in served and said not in _DEFAULTS.get(str(one.tag), _NOTHING):
                yield etree.QName(one).localname
    if len(item.findall(at("ClientIDs"))) > 1:
        yield "more than one ClientIDs"


def _describe(call: etree._Element) -> Iterator[AnyRequest]:
    for item in call.iterfind(at("DescribeRequests", "ObjectDefinitionRequest")):
        yield Describe(
            object_type=text(item, at("ObjectType")) or "",
            client_id=client_of(item),
        )


def _execute(call: etree._Element) -> Iterator[AnyRequest]:
    for item in call.iterfind(at("Requests")):
        yield ExecuteRequest(
            name=text(item, at("Name")) or "",
            client_id=client_of(item),
            parameters=_parameters(item),
        )


def _parameters(item: etree._Element) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for parameter in item.iterfind(at("Parameters")):
        name = parameter.find(at("Name"))
        value = parameter.find(at("Value"))
        if name is None or value is None:
            return None
        found[(name.text or "").strip()] = value.text or ""
    return found


_READERS: Mapping[str, Callable[[etree._Element], Iterator[AnyRequest]]] = {
    "Execute": _execute,
    "Retrieve": _retrieve,
    "Describe": _describe,
    "Update": objects.updates,
    "Create": objects.creations,
}
