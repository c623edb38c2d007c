"""The sandbox's WSDL, compared with the vendor's where a copy is present."""

import pytest
from lxml import etree

from scripts.steps import ROOT
from unsub.sandbox.operations.retrieve_filter import operators
from unsub.sandbox.soap import wsdl

PUBLIC = ROOT.parent / "shared" / "sfmc" / "etframework.wsdl"
XS = "{http://www.w3.org/2001/XMLSchema}"
OURS = etree.fromstring(wsdl.render("http://127.0.0.1/"))
ENUMERATIONS = sorted(str(one.get("name")) for one in OURS.iter(f"{XS}simpleType"))
TYPES = sorted(str(one.get("name")) for one in OURS.iter(f"{XS}complexType") if one.get("name"))


def _named(tree: etree._Element, kind: str, name: str) -> etree._Element | None:
    return next((one for one in tree.iter(f"{XS}{kind}") if one.get("name") == name), None)


def _values(tree: etree._Element, name: str) -> list[str]:
    found = _named(tree, "simpleType", name)
    assert found is not None
    return [str(one.get("value")) for one in found.iter(f"{XS}enumeration")]


def _elements(tree: etree._Element, name: str) -> list[tuple[str, str]]:
    """Return name and local type of the elements of a type, nested ones included."""
    found = _named(tree, "complexType", name)
    assert found is not None
    return [
        (str(one.get("name")), (one.get("type") or "").rpartition(":")[2])
        for one in found.iter(f"{XS}element")
    ]


@pytest.fixture(scope="module")
def vendor() -> etree._Element:
    if not PUBLIC.is_file():
        pytest.skip("no copy of the vendor's WSDL beside the project")
    return etree.parse(str(PUBLIC), etree.XMLParser(no_network=True)).getroot()


def test_each_operator_that_is_served_is_in_the_wsdl() -> None:
    assert set(operators()) < set(_values(OURS, "SimpleOperators"))


def test_statuses_and_types_are_enumerations() -> None:
    for name, values in {
        "SubscriberStatus": ["Active", "Bounced", "Held", "Unsubscribed", "Deleted"],
        "LogicalOperators": ["OR", "AND"],
        "EmailType": ["Text", "HTML"],
        "SystemStatusType": ["OK", "UnplannedOutage", "InMaintenance"],
    }.items():
        assert _values(OURS, name) == values


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_an_enumeration_has_the_values_of_the_vendor(vendor: etree._Element, name: str) -> None:
    assert sorted(_values(OURS, name)) == sorted(_values(vendor, name))


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_elements_of_the_vendor_in_their_order(
    vendor: etree._Element, name: str
) -> None:
    if _named(vendor, "complexType", name) is None:
        pytest.skip("the vendor writes it inside an element")
    theirs = iter(_elements(vendor, name))
    for element in _elements(OURS, name):
        assert element in theirs, f"{element} is no element of the vendor's {name}, or not there"
