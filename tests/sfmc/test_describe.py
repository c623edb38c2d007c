"""Describe: reading a unit's profile attributes."""

import pytest
from lxml import etree

from tests.sfmc.replies import NIL, attribute, choice, described, message
from tests.sfmc.vendor import GUID, Vendor
from tests.stand_in import Answer
from unsub.sfmc import Definition, PicklistItem, UnknownOutcomeError
from unsub.sfmc.client import Client

API = "{http://exacttarget.com/wsdl/partnerAPI}"
FULL = attribute(
    "Favourite colour", IsUpdatable="true", IsRetrievable="false", Scale="0",
    Label=" Your colour ", Description="What to dress you in", DefaultValue="red",
    MinLength="0", MaxLength="40", IsRequired="true", IsViewable="1", IsEditable="true",
    IsRestrictedPicklist="true",
    PicklistItems=choice("red", "Red", default=True) + choice("blue", "Blue &amp; co"),
    IsSendTime="false", DisplayOrder="2",
)  # fmt: skip
BARE = f"<ExtendedProperty><PartnerKey {NIL}/><Name>Bare</Name></ExtendedProperty>"


def describe(client: Client, vendor: Vendor, *attributes: str) -> tuple[Definition, ...]:
    """Return what the client reads from such a description."""
    vendor.answers(Answer(body=described(*attributes)))
    return client.describe("Subscriber")


def test_an_attribute_is_read_with_everything_a_form_needs(client: Client, vendor: Vendor) -> None:
    (found,) = describe(client, vendor, FULL)
    assert found == Definition(
        name="Favourite colour", label="Your colour", description="What to dress you in",
        data_type="string", max_length=40, is_required=True, is_viewable=True, is_editable=True,
        is_restricted=True, default="red", display_order=2,
        choices=(
            PicklistItem(value="red", label="Red", is_default=True),
            PicklistItem(value="blue", label="Blue & co", is_default=False),
        ),
    )  # fmt: skip


def test_the_message_names_the_type_and_the_unit(client: Client, vendor: Vendor) -> None:
    vendor.answers(Answer(body=described(FULL)))
    client.describe("Subscriber")
    client.describe("Subscriber", client_mid=510002)
    own, other = (
        etree.fromstring(body).find(f".//{API}DescribeRequests/{API}ObjectDefinitionRequest")
        for body in vendor.messages
    )
    assert own is not None
    assert other is not None
    assert [etree.QName(child).localname for child in own] == ["ObjectType"]
    assert [etree.QName(child).localname for child in other] == ["Client", "ObjectType"]
    assert other.findtext(f"{API}Client/{API}ID") == "510002"
    assert vendor.headers[0]["SOAPAction"] == '"Describe"'


def test_attributes_not_stated_to_be_viewable_or_editable_are_neither(
    client: Client, vendor: Vendor
) -> None:
    (found,) = describe(client, vendor, BARE)
    assert found == Definition(
        name="Bare", label="Bare", description="", data_type="", max_length=None,
        is_required=False, is_viewable=False, is_editable=False, is_restricted=False,
        choices=(), default="", display_order=0,
    )  # fmt: skip


@pytest.mark.parametrize("said", [NIL, ""], ids=["nil", "empty"])
def test_nil_and_empty_elements_are_as_if_absent(client: Client, vendor: Vendor, said: str) -> None:
    names = ("Label", "Description", "DefaultValue", "MaxLength", "IsRequired", "IsViewable",
             "IsEditable", "IsRestrictedPicklist", "PicklistItems", "DisplayOrder")  # fmt: skip
    nothing = "".join(f"<{name} {said}/>" for name in names)
    with_nothing = BARE.replace("</Name>", f"</Name><DataType {said}/>{nothing}")
    assert describe(client, vendor, with_nothing) == describe(client, vendor, BARE)


def test_a_length_of_nothing_is_no_limit(client: Client, vendor: Vendor) -> None:
    (found,) = describe(client, vendor, attribute("A", MaxLength="0"))
    assert found.max_length is None


def test_a_choice_without_a_value_is_left_out(client: Client, vendor: Vendor) -> None:
    items = f"<PicklistItem {NIL}/><PicklistItem/><PicklistItem><Label>x</Label></PicklistItem>"
    items += "<PicklistItem><Value>only</Value></PicklistItem>"
    (found,) = describe(client, vendor, attribute("A", PicklistItems=items))
    assert found.choices == (PicklistItem(value="only", label="only", is_default=False),)


def test_attributes_come_in_display_order(client: Client, vendor: Vendor) -> None:
    attributes = [
        attribute(name, DisplayOrder=str(order))
        for name, order in (("D", 10), ("C", 2), ("B", 2), ("A", 3))
    ]
    found = describe(client, vendor, *attributes)
    assert [one.name for one in found] == ["B", "C", "A", "D"]


def test_an_attribute_without_a_name_is_left_out(client: Client, vendor: Vendor) -> None:
    nameless = ("<ExtendedProperty><DataType>string</DataType></ExtendedProperty>",
                f"<ExtendedProperty><Name {NIL}/></ExtendedProperty>", "<ExtendedProperty/>",
                f"<ExtendedProperty {NIL}/>", attribute("  "))  # fmt: skip
    assert [one.name for one in describe(client, vendor, *nameless, FULL)] == ["Favourite colour"]


def test_names_and_values_keep_their_spaces(client: Client, vendor: Vendor) -> None:
    items = choice(" a ", " A ")
    (found,) = describe(client, vendor, attribute("Post  code ", PicklistItems=items))
    assert found.name == "Post  code "
    assert found.choices == (PicklistItem(value=" a ", label="A", is_default=False),)


def test_an_object_without_attributes_has_none(client: Client, vendor: Vendor) -> None:
    assert describe(client, vendor) == ()
    assert describe(client, vendor, "") == ()


def test_a_description_of_no_object_is_an_error(client: Client, vendor: Vendor) -> None:
    body = message("DefinitionResponseMsg", f"<RequestID>{GUID}</RequestID>")
    vendor.answers(Answer(body=body))
    with pytest.raises(UnknownOutcomeError):
        client.describe("Nonsense")


def test_an_element_added_by_the_vendor_hides_nothing(client: Client, vendor: Vendor) -> None:
    fresh = FULL.replace("<Label>", "<Fresh>1</Fresh><Label>")
    assert describe(client, vendor, fresh) == describe(client, vendor, FULL)
