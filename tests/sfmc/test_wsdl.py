"""Our WSDL by itself, and beside the vendor's where a copy of that is at hand."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from scripts.steps import ROOT
from tests.sfmc.conftest import request
from tests.sfmc.vendor import Vendor
from unsub.sfmc import UNSUB_EVENT_PROPERTIES, Client, Filter, RetrieveRequest, UnknownOutcome
from unsub.sfmc.client import WSDL

PUBLIC = ROOT.parent / "shared" / "sfmc" / "etframework.wsdl"
NS = {
    "w": "http://schemas.xmlsoap.org/wsdl/",
    "s": "http://schemas.xmlsoap.org/wsdl/soap/",
    "x": "http://www.w3.org/2001/XMLSchema",
}
TARGET = "http://exacttarget.com/wsdl/partnerAPI"
TYPES = (
    "ExecuteRequest", "ClientID", "APIProperty", "ExecuteResponse", "RetrieveRequest",
    "TrackingEvent", "UnsubEvent",
)  # fmt: skip
MESSAGES = (
    "ExecuteRequestMsg", "ExecuteResponseMsg", "SystemStatusRequestMsg", "RetrieveRequestMsg",
    "RetrieveResponseMsg",
)  # fmt: skip
OPERATIONS = ("Execute", "GetSystemStatus", "Retrieve")
Element = tuple[str, str, str, str]
# What our part of the contract says: name, type, least, most.
EXPECTED: dict[str, tuple[Element, ...]] = {
    "ExecuteRequest": (
        ("Client", "ClientID", "0", "1"), ("Name", "string", "0", "1"),
        ("Parameters", "APIProperty", "0", "unbounded"),
    ),
    "ClientID": (("ID", "int", "0", "1"),),
    "APIProperty": (("Name", "string", "1", "1"), ("Value", "string", "1", "1")),
    "ExecuteResponse": (
        ("StatusCode", "string", "0", "1"), ("StatusMessage", "string", "0", "1"),
        ("OrdinalID", "int", "0", "1"), ("Results", "APIProperty", "0", "unbounded"),
        ("ErrorCode", "int", "0", "1"),
    ),
    "RetrieveRequest": (
        ("ClientIDs", "ClientID", "0", "unbounded"), ("ObjectType", "string", "1", "1"),
        ("Properties", "string", "0", "unbounded"), ("Filter", "FilterPart", "0", "1"),
        ("ContinueRequest", "string", "0", "1"),
    ),
    "TrackingEvent": (
        ("SendID", "int", "0", "1"), ("SubscriberKey", "string", "0", "1"),
        ("EventDate", "dateTime", "0", "1"),
        ("TriggeredSendDefinitionObjectID", "string", "0", "1"), ("BatchID", "int", "0", "1"),
    ),
    "UnsubEvent": (("List", "List", "0", "1"), ("IsMasterUnsubscribed", "boolean", "0", "1")),
}  # fmt: skip


def wsdls() -> list[Path]:
    """Return our WSDL, and the vendor's where there is a copy beside the project."""
    return [WSDL, *([PUBLIC] if PUBLIC.is_file() else [])]


def _load(path: Path) -> Any:
    return etree.parse(str(path), etree.XMLParser(no_network=True, resolve_entities=False))


def _elements(parent: Any) -> tuple[Element, ...]:
    """Return the elements of a type: name, type without its prefix, occurrence."""
    found = parent.findall(".//x:sequence/x:element", NS)
    return tuple(
        (
            element.get("name"),
            (element.get("type") or "").rpartition(":")[2],
            element.get("minOccurs", "1"),
            element.get("maxOccurs", "1"),
        )
        for element in found
    )


def _type(tree: Any, name: str) -> Any:
    (found,) = tree.xpath(f"//x:complexType[@name='{name}']", namespaces=NS)
    return found


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("name", TYPES)
def test_each_type_has_the_elements_of_the_contract(path: Path, name: str) -> None:
    elements = _elements(_type(_load(path), name))
    wanted = EXPECTED[name]
    # The vendor's ClientID has more, deprecated, elements than the one that is used.
    assert tuple(element for element in elements if element[0] in {w[0] for w in wanted}) == wanted
    more = {"TrackingEvent": 1}.get(name, 0)  # its EventType is an enumeration of theirs
    assert path == PUBLIC or len(elements) == len(wanted) + more


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_document_literal_with_its_action(path: Path, operation: str) -> None:
    tree = _load(path)
    assert tree.getroot().get("targetNamespace") == TARGET
    (binding,) = tree.xpath("//w:binding[@name='SoapBinding']", namespaces=NS)
    (found,) = binding.xpath(f"w:operation[@name='{operation}']", namespaces=NS)
    assert found.find("s:operation", NS).get("soapAction") == operation
    assert {body.get("use") for body in found.iter(f"{{{NS['s']}}}body")} == {"literal"}
    style = found.find("s:operation", NS).get("style") or binding.find("s:binding", NS).get("style")
    assert style == "document"
    (port,) = tree.xpath("//w:service[@name='PartnerAPI']/w:port[@name='Soap']", namespaces=NS)
    assert port.get("binding").endswith(":SoapBinding")


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_has_the_same_elements(path: Path, message: str) -> None:
    ours, theirs = (
        _elements(_load(p).xpath(f"//x:element[@name='{message}']", namespaces=NS)[0])
        for p in (WSDL, path)
    )
    assert ours == theirs
    assert ours


def test_ours_needs_no_other_file() -> None:
    text = WSDL.read_text()
    assert "import" not in text.replace("important", "")
    assert "schemaLocation" not in text


def _execute(client: Client) -> None:
    client.execute([request(mid=510002, reason="why"), request(1002)])


def _retrieve(client: Client) -> None:
    since = datetime(2026, 11, 24, 12, tzinfo=UTC)
    condition = Filter(property="EventDate", operator="greaterThanOrEqual", times=(since,))
    client.retrieve(
        RetrieveRequest(
            object_type="UnsubEvent", properties=UNSUB_EVENT_PROPERTIES, filter=condition,
            client_mid=510002,
        )
    )  # fmt: skip


def _retrieve_more(client: Client) -> None:
    client.retrieve(RetrieveRequest(object_type="Subscriber", properties=("ID",), continues="r-1"))


@pytest.mark.parametrize("call", [_execute, _retrieve, _retrieve_more])
def test_our_messages_fit_the_schema_of_every_wsdl(
    client: Client, vendor: Vendor, call: Callable[[Client], None]
) -> None:
    with suppress(UnknownOutcome):  # this vendor answers every call as if it were Execute
        call(client)
    body = etree.fromstring(vendor.messages[0]).find(
        "{http://schemas.xmlsoap.org/soap/envelope/}Body"
    )
    assert body is not None
    for path in wsdls():
        schemas = _load(path).xpath(
            "//w:types/x:schema[@targetNamespace=$t]", namespaces=NS, t=TARGET
        )
        for schema in schemas:
            for extern in schema.findall("x:import", NS):
                schema.remove(extern)
        (schema,) = schemas
        etree.XMLSchema(etree.fromstring(etree.tostring(schema))).assertValid(body[0])
