"""SOAP 1.1 requests: parse credentials, operation and parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from . import objects
from .elements import at, text
from .namespaces import FUEL, SOAP, WSSE
from .requests import AnyRequest, Describe, ExecuteRequest, Retrieve

_OPERATIONS = {
    at("ExecuteRequestMsg"): "Execute",
    at("SystemStatusRequestMsg"): "GetSystemStatus",
    at("RetrieveRequestMsg"): "Retrieve",
    at("DefinitionRequestMsg"): "Describe",
    at("UpdateRequest"): "Update",
    at("CreateRequest"): "Create",
}


class EnvelopeError(ValueError):
    """The body is not a SOAP envelope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A parsed request. `operation` is `unknown` for an unsupported element."""

    operation: str
    token: str | None
    username: str | None
    password: str | None
    requests: tuple[AnyRequest, ...]

    @property
    def labels(self) -> frozenset[str]:
        """Labels that an injected fault's `operation` can match: `Retrieve`, `Retrieve:List`."""
        types = {one.object_type for one in self.requests} - {""}
        return frozenset({self.operation, *(f"{self.operation}:{one}" for one in types)})


def read(body: bytes) -> Message:
    """Return the parsed envelope. Raises EnvelopeError."""
    # No entities and no network: SOAP does not allow a document type (SOAP 1.1, section 3).
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as err:
        raise EnvelopeError("not well-formed") from err
    content = root.find(f"{{{SOAP}}}Body")
    doctype: object = root.getroottree().docinfo.internalDTD
    if root.tag != f"{{{SOAP}}}Envelope" or content is None or doctype is not None:
        raise EnvelopeError("not a SOAP 1.1 envelope")
    call = next(content.iterchildren(tag=etree.Element), None)
    operation = "unknown" if call is None else _OPERATIONS.get(str(call.tag), "unknown")
    return Message(
        operation=operation,
        token=text(root, f"{{{SOAP}}}Header/{{{FUEL}}}fueloauth"),
        username=text(root, f"{{{SOAP}}}Header//{{{WSSE}}}Username"),
        password=text(root, f"{{{SOAP}}}Header//{{{WSSE}}}Password"),
        requests=() if call is None else tuple(_READERS.get(operation, _nothing)(call)),
    )


def _nothing(_call: etree._Element) -> Iterator[AnyRequest]:
    return iter(())


def _retrieve(call: etree._Element) -> Iterator[AnyRequest]:
    item = call.find(at("RetrieveRequest"))
    if item is None:
        return
    found = (
        *item.iterfind(at("Filter", "Value")),
        *item.iterfind(at("Filter", "DateValue")),
    )
    yield Retrieve(
        object_type=text(item, at("ObjectType")) or "",
        properties=tuple((one.text or "").strip() for one in item.iterfind(at("Properties"))),
        client_id=text(item, at("ClientIDs", "ID")),
        filtered_by=text(item, at("Filter", "Property")) or "",
        operator=text(item, at("Filter", "SimpleOperator")) or "",
        values=tuple((one.text or "").strip() for one in found),
        continues=text(item, at("ContinueRequest")),
    )


def _describe(call: etree._Element) -> Iterator[AnyRequest]:
    for item in call.iterfind(at("DescribeRequests", "ObjectDefinitionRequest")):
        yield Describe(
            object_type=text(item, at("ObjectType")) or "",
            client_id=text(item, at("Client", "ID")),
        )


def _execute(call: etree._Element) -> Iterator[AnyRequest]:
    for item in call.iterfind(at("Requests")):
        yield ExecuteRequest(
            name=text(item, at("Name")) or "",
            client_id=text(item, at("Client", "ID")),
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
