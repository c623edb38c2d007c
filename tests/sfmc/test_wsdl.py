"""Our WSDL alone, and compared with the vendor's where a copy is present."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from scripts.steps import ROOT
from tests.sfmc.calls import CALLS, Call
from tests.sfmc.contract import (
    AS_TEXT,
    ENUMERATIONS,
    EXPECTED,
    LENIENT,
    MESSAGES,
    OPERATIONS,
    PARENTS,
    Element,
)
from tests.sfmc.vendor import Vendor
from unsub.sfmc import UNSUB_EVENT_PROPERTIES, Filter, RetrieveRequest, UnknownOutcomeError
from unsub.sfmc.client import WSDL, Client

PUBLIC = ROOT.parent / "shared" / "sfmc" / "etframework.wsdl"
NS = {
    "w": "http://schemas.xmlsoap.org/wsdl/",
    "s": "http://schemas.xmlsoap.org/wsdl/soap/",
    "x": "http://www.w3.org/2001/XMLSchema",
}
TARGET = "http://exacttarget.com/wsdl/partnerAPI"


def wsdls() -> list[Path]:
    """Return our WSDL, and the vendor's where a copy lies beside the project."""
    return [WSDL, *([PUBLIC] if PUBLIC.is_file() else [])]


def _load(path: Path) -> Any:
    return etree.parse(str(path), etree.XMLParser(no_network=True, resolve_entities=False))


def _elements(parent: Any) -> tuple[Element, ...]:
    """Return the elements of a type as (name, type without prefix, minimum, maximum)."""
    found = parent.xpath("descendant::x:sequence/x:element", namespaces=NS)
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


def _lenient(elements: tuple[Element, ...], name: str) -> tuple[Element, ...]:
    """Return elements with minimum occurrence 0 where the project does not rely on the vendor's."""
    if name not in LENIENT:
        return elements
    promised = {"OverallStatus"}
    return tuple(
        (name, kind, least if name in promised else "0", most)
        for name, kind, least, most in elements
    )


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_type_has_the_elements_of_the_contract(path: Path, name: str) -> None:
    elements = _lenient(_elements(_type(_load(path), name)), name)
    wanted = EXPECTED[name]
    # The vendor's types have more elements than are used here, including deprecated ones.
    assert tuple(element for element in elements if element[0] in {w[0] for w in wanted}) == wanted
    assert path == PUBLIC or len(elements) == len(wanted) + len(AS_TEXT.get(name, ()))


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("name", AS_TEXT)
def test_elements_typed_as_text_here_are_in_the_same_place_at_the_vendor(
    path: Path, name: str
) -> None:
    ours = [element[0] for element in _elements(_type(_load(WSDL), name))]
    theirs = [element[0] for element in _elements(_type(_load(path), name))]
    assert [one for one in theirs if one in ours] == ours
    assert set(AS_TEXT[name]) < set(ours)


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("name", PARENTS)
def test_each_type_extends_the_type_of_the_contract(path: Path, name: str) -> None:
    tree = _load(path)
    line = [name]
    while (extension := _type(tree, line[-1]).find(".//x:extension", NS)) is not None:
        line.append(extension.get("base").rpartition(":")[2])
    assert PARENTS[name] in line[1:]


@pytest.mark.parametrize("path", wsdls(), ids=lambda path: path.name)
@pytest.mark.parametrize("name", ENUMERATIONS)
def test_each_enumeration_has_the_same_values(path: Path, name: str) -> None:
    ours, theirs = (
        _load(p).xpath(f"//x:simpleType[@name='{name}']//x:enumeration/@value", namespaces=NS)
        for p in (WSDL, path)
    )
    assert ours == theirs
    assert ours


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
        _lenient(
            _elements(_load(p).xpath(f"//x:element[@name='{message}']", namespaces=NS)[0]), message
        )
        for p in (WSDL, path)
    )
    assert ours == theirs
    assert ours


def test_our_wsdl_needs_no_other_file() -> None:
    text = WSDL.read_text()
    assert "import" not in text.replace("important", "")
    assert "schemaLocation" not in text


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


@pytest.mark.parametrize("call", [*CALLS, _retrieve, _retrieve_more])
def test_our_messages_fit_the_schema_of_every_wsdl(
    client: Client, vendor: Vendor, call: Call
) -> None:
    with suppress(UnknownOutcomeError):  # the fake vendor answers every call as if it were Execute
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
