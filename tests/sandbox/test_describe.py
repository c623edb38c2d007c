"""Describe of a Subscriber: the profile attributes in the vendor's schema."""

import pytest
from lxml import etree

from tests.sandbox.talk import API, Caller, describe_call, fault
from unsub.sandbox import Sandbox
from unsub.sandbox.soap.namespaces import XSI
from unsub.sandbox.world.entities import Attribute

ORDER = (
    "PartnerKey", "ObjectID", "Name", "DataType", "PropertyType", "IsCreatable", "IsUpdatable",
    "IsRetrievable", "Label", "Description", "DefaultValue", "MinLength", "MaxLength", "IsRequired",
    "IsViewable", "IsEditable", "IsRestrictedPicklist", "PicklistItems", "DisplayOrder",
)  # fmt: skip


def described(caller: Caller) -> dict[str, etree._Element]:
    """Return the profile attributes by name."""
    root = etree.fromstring(caller.post(describe_call("Subscriber"), action="Describe").content)
    found = root.findall(f".//{API}ObjectDefinition/{API}ExtendedProperties/{API}ExtendedProperty")
    return {str(one.findtext(f"{API}Name")): one for one in found}


def said(element: etree._Element, *names: str) -> list[str | None]:
    """Return the texts of these child elements."""
    return [element.findtext(f"{API}{name}") for name in names]


def test_attributes_say_whether_they_are_required_viewable_and_editable(caller: Caller) -> None:
    found = described(caller)
    rights = ("DataType", "MaxLength", "IsRequired", "IsViewable", "IsEditable", "DisplayOrder")
    assert {name: said(one, *rights) for name, one in found.items()} == {
        "First Name": ["Text", "50", "false", "true", "true", "0"],
        "Last Name": ["Text", "50", "true", "true", "true", "1"],
        "Birthday": ["Date", None, "false", "true", "true", "2"],
        "City": ["Text", "50", "false", "true", "true", "3"],
        "Shoe size": ["Number", None, "false", "true", "true", "4"],
        "Newsletter by post": ["Boolean", None, "false", "true", "true", "5"],
        "Second address": ["EmailAddress", "254", "false", "true", "true", "6"],
        "Loyalty ID": ["Text", "20", "false", "true", "false", "7"],
        "Internal score": ["Number", None, "false", "false", "false", "8"],
    }


def test_a_picklist_has_its_values(caller: Caller) -> None:
    found = described(caller)
    city = found["City"]
    assert said(city, "IsRestrictedPicklist") == ["true"]
    items = city.findall(f"{API}PicklistItems/{API}PicklistItem")
    assert [one.findtext(f"{API}Value") for one in items] == ["Berlin", "Köln", "Paris", "London"]
    assert [child.tag.removeprefix(API) for child in items[0]] == [
        "IsDefaultValue", "Label", "Value",
    ]  # fmt: skip
    assert found["Birthday"].find(f"{API}PicklistItems") is None


def test_elements_are_in_the_order_of_the_schema(caller: Caller) -> None:
    for one in described(caller).values():
        names = [child.tag.removeprefix(API) for child in one]
        assert names == [name for name in ORDER if name in names]
        key = one.find(f"{API}PartnerKey")
        assert key is not None
        assert key.get(f"{{{XSI}}}nil") == "true"


def test_the_standard_properties_are_described(caller: Caller) -> None:
    answer = caller.post(describe_call("Subscriber"), action="Describe")
    found = etree.fromstring(answer.content).findall(f".//{API}Properties/{API}Name")
    names = {one.text for one in found}
    assert {"EmailAddress", "SubscriberKey", "Status", "EmailTypePreference"} <= names


def test_an_unknown_type_gives_an_empty_reply(caller: Caller) -> None:
    root = etree.fromstring(caller.post(describe_call("Spaceship"), action="Describe").content)
    assert root.find(f".//{API}ObjectDefinition") is None
    assert root.findtext(f".//{API}RequestID")


def test_a_unit_of_another_account_is_not_described(caller: Caller) -> None:
    call = describe_call("Subscriber").replace(
        "<ObjectType>", "<Client><ID>4711</ID></Client><ObjectType>"
    )
    assert fault(caller.post(call, action="Describe"))[2] == 11


@pytest.mark.parametrize("default", ["", "red"])
def test_given_attributes_replace_the_sample(default: str) -> None:
    colour = Attribute(name="Colour", choices=("red", "blue"), default=default, min_length=2)
    with Sandbox(attributes=[colour]) as sandbox, Caller(sandbox.url) as caller:
        found = described(caller)
    assert list(found) == ["Colour"]
    assert said(found["Colour"], "MinLength", "DefaultValue") == ["2", default]
    marks = found["Colour"].findall(f".//{API}IsDefaultValue")
    assert [one.text for one in marks] == [str(default == "red").lower(), "false"]
