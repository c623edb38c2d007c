"""Update and Create: messages sent, and the result of each object."""

from typing import Any

import pytest
from lxml import etree

from tests.sfmc.conftest import KEY
from tests.sfmc.replies import NIL, created, result, updated
from tests.sfmc.vendor import GUID, Vendor
from tests.stand_in import Answer
from unsub.sfmc import CallReply, ListChange, PermanentError, SubscriberUpdate, TriggeredSend
from unsub.sfmc.client import Client

API = "{http://exacttarget.com/wsdl/partnerAPI}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
EMAIL = "ada@example.com"
CHANGE = SubscriberUpdate(
    subscriber_key=KEY, email_address=EMAIL, attributes=(("City", ""), ("Name", "Ada & <b> 😀")),
    email_type="Text", status="Active", client_mid=510002,
    lists=(
        ListChange(list_id=7001, status="Unsubscribed", action="update"),
        ListChange(list_id=7002, status="Active", action="create"),
    ),
)  # fmt: skip
LEAN = SubscriberUpdate(subscriber_key=KEY)
SEND = TriggeredSend(
    definition_key="welcome", subscriber_key=KEY, email_address=EMAIL, attributes=(("Code", "42"),),
    client_mid=510002,
)  # fmt: skip
LEAN_SEND = TriggeredSend(definition_key="welcome", subscriber_key=KEY, email_address=EMAIL)


def objects(vendor: Vendor, name: str) -> list[Any]:
    """Return the objects of the message that was sent; checks that it has Options."""
    (root,) = etree.fromstring(vendor.messages[-1]).iter(f"{API}{name}Request")
    options, *found = root
    assert options.tag == f"{API}Options"
    assert len(options) == 0
    assert vendor.headers[-1]["SOAPAction"] == f'"{name}"'
    return found


def kind(element: Any) -> str:
    """Return the xsi:type of an element."""
    prefix, _, name = element.get(f"{XSI}type").partition(":")
    assert element.nsmap[prefix] == API.strip("{}")
    return str(name)


def names(element: Any) -> list[str]:
    """Return the names of an element's children."""
    return [str(etree.QName(child).localname) for child in element]


def update(client: Client, vendor: Vendor, *results: str, status: str = "OK") -> CallReply:
    """Return what the client reads from an UpdateResponse."""
    vendor.answers(Answer(body=updated(*results, status=status)))
    return client.update([CHANGE] * max(len(results), 1))


def create(client: Client, vendor: Vendor, *results: str, status: str = "OK") -> CallReply:
    """Return what the client reads from a CreateResponse."""
    vendor.answers(Answer(body=created(*results, status=status)))
    return client.create([SEND] * max(len(results), 1))


def test_an_update_contains_the_changes(client: Client, vendor: Vendor) -> None:
    update(client, vendor, result("UpdateResult"))
    (sent,) = objects(vendor, "Update")
    assert kind(sent) == "Subscriber"
    assert names(sent) == [
        "Client", "EmailAddress", "Attributes", "Attributes", "SubscriberKey", "Status",
        "EmailTypePreference", "Lists", "Lists",
    ]  # fmt: skip
    assert sent.findtext(f"{API}Client/{API}ID") == "510002"
    values = [one.findtext(f"{API}Value") for one in sent.iter(f"{API}Attributes")]
    assert values == ["", "Ada & <b> 😀"]
    places = [[child.text for child in one] for one in sent.iter(f"{API}Lists")]
    assert places == [["7001", "Unsubscribed", "update"], ["7002", "Active", "create"]]


def test_absent_values_are_left_out_of_the_message(client: Client, vendor: Vendor) -> None:
    vendor.answers(Answer(body=updated(result("UpdateResult"))))
    client.update([LEAN])
    (sent,) = objects(vendor, "Update")
    assert names(sent) == ["SubscriberKey"]
    assert LEAN.as_element() == {"SubscriberKey": KEY}
    vendor.answers(Answer(body=created(result("TriggeredSendCreateResult"))))
    client.create([LEAN_SEND])
    (sent,) = objects(vendor, "Create")
    assert names(sent) == ["TriggeredSendDefinition", "Subscribers"]
    assert names(sent[1]) == ["EmailAddress", "SubscriberKey"]


def test_a_send_names_its_definition_and_its_recipient(client: Client, vendor: Vendor) -> None:
    create(client, vendor, result("TriggeredSendCreateResult"))
    (sent,) = objects(vendor, "Create")
    assert kind(sent) == "TriggeredSend"
    assert names(sent) == ["Client", "TriggeredSendDefinition", "Subscribers"]
    assert sent.findtext(f"{API}TriggeredSendDefinition/{API}CustomerKey") == "welcome"
    assert sent.findtext(f"{API}Subscribers/{API}SubscriberKey") == KEY
    assert sent.findtext(f"{API}Subscribers/{API}EmailAddress") == EMAIL
    assert sent.findtext(f"{API}Subscribers/{API}Attributes/{API}Value") == "42"


def test_objects_are_sent_in_order(client: Client, vendor: Vendor) -> None:
    vendor.answers(Answer(body=updated(result("UpdateResult") * 2)))
    client.update([LEAN, SubscriberUpdate(subscriber_key="grace")])
    found = [one.findtext(f"{API}SubscriberKey") for one in objects(vendor, "Update")]
    assert found == [KEY, "grace"]


def test_a_success_is_read_with_its_request_id(client: Client, vendor: Vendor) -> None:
    person = (
        f'<OrdinalID>0</OrdinalID><Object xsi:type="Subscriber"><PartnerKey {NIL}/>'
        f"<ObjectID {NIL}/><EmailAddress>{EMAIL}</EmailAddress></Object>"
    )
    answer = update(client, vendor, result("UpdateResult", words="Updated.", more=person))
    assert (answer.overall_status, answer.request_id) == ("OK", GUID)
    (one,) = answer.results
    assert (one.status_code, one.status_message) == ("OK", "Updated.")
    assert (one.ordinal_id, one.error_code) == (0, None)


def test_each_object_has_its_own_result(client: Client, vendor: Vendor) -> None:
    bad = "<OrdinalID>1</OrdinalID><ErrorCode>12014</ErrorCode>"
    answer = update(
        client, vendor, result("UpdateResult"), result("UpdateResult", "Error", more=bad),
        status="Has Errors",
    )  # fmt: skip
    assert answer.overall_status == "Has Errors"
    assert [one.status_code for one in answer.results] == ["OK", "Error"]
    assert [one.error_code for one in answer.results] == [None, 12014]
    assert [one.ordinal_id for one in answer.results] == [None, 1]


@pytest.mark.parametrize(
    "more", ["", "<ErrorCode>0</ErrorCode>", f"<OrdinalID {NIL}/><ErrorCode {NIL}/>"]
)
def test_an_error_may_come_without_a_code(client: Client, vendor: Vendor, more: str) -> None:
    for reply in (
        update(client, vendor, result("UpdateResult", "Error", more=more), status="Error"),
        create(client, vendor, result("CreateResult", "Error", more=more), status="Error"),
    ):
        (one,) = reply.results
        assert one.status_code == "Error"
        assert not one.error_code
        assert one.ordinal_id is None


def test_a_message_refused_as_a_whole_has_no_results(client: Client, vendor: Vendor) -> None:
    for reply in (
        update(client, vendor, status="Error: no such thing"),
        create(client, vendor, status="Error: no such thing"),
    ):
        assert reply.results == ()
        assert reply.overall_status.startswith("Error:")


def test_an_element_added_by_the_vendor_hides_nothing(client: Client, vendor: Vendor) -> None:
    more = "<Fresh>1</Fresh><OrdinalID>1</OrdinalID><ErrorCode>9</ErrorCode>"
    (one,) = update(client, vendor, result("UpdateResult", "Error", more=more)).results
    assert (one.ordinal_id, one.error_code) == (1, 9)
    (one,) = create(client, vendor, result("CreateResult", "Error", more=more)).results
    assert (one.ordinal_id, one.error_code) == (1, 9)


def failure(code: str) -> str:
    """Return the result of an email whose recipient was refused."""
    return (
        f"<SubscriberFailures><Subscriber><EmailAddress>{EMAIL}</EmailAddress></Subscriber>"
        f"<ErrorCode>{code}</ErrorCode><ErrorDescription>excluded</ErrorDescription>"
        "<Ordinal>0</Ordinal></SubscriberFailures>"
    )


def test_the_result_of_a_sent_email_is_read(client: Client, vendor: Vendor) -> None:
    more = "<OrdinalID>0</OrdinalID><NewID>0</NewID>"
    answer = create(client, vendor, result("TriggeredSendCreateResult", more=more))
    (one,) = answer.results
    assert (one.status_code, one.ordinal_id, one.error_code) == ("OK", 0, None)


@pytest.mark.parametrize("status", ["OK", "Error"])
@pytest.mark.parametrize(
    ("own", "code", "error"),
    [
        ("", "24", 24),
        ("<ErrorCode>180008</ErrorCode>", "24", 24),
        ("<ErrorCode>180008</ErrorCode>", "OnList", 180008),
        ("", "OnList", None),
        ("", "", None),
        ("", "9" * 30, None),
    ],
)
def test_a_refused_recipient_makes_the_email_an_error(
    client: Client, vendor: Vendor, status: str, own: str, code: str, error: int | None
) -> None:
    more = f"<OrdinalID>0</OrdinalID>{own}<NewID>0</NewID>{failure(code)}"
    answer = create(client, vendor, result("TriggeredSendCreateResult", status, more=more))
    (one,) = answer.results
    assert (one.status_code, one.error_code) == ("Error", error)
    assert one.status_message == "excluded"


@pytest.mark.parametrize("bad", ["a\x00b", "\ud800", "\x1f", "\ufffe"])
def test_an_object_that_xml_cannot_carry_is_refused_before_it_is_sent(
    client: Client, vendor: Vendor, bad: str
) -> None:
    spoiled = [
        SubscriberUpdate(subscriber_key=bad),
        SubscriberUpdate(subscriber_key=KEY, email_address=bad),
        SubscriberUpdate(subscriber_key=KEY, attributes=((bad, "x"),)),
        SubscriberUpdate(subscriber_key=KEY, attributes=(("x", bad),)),
        SubscriberUpdate(subscriber_key=KEY, status=bad),
        SubscriberUpdate(subscriber_key=KEY, email_type=bad),
        SubscriberUpdate(
            subscriber_key=KEY, lists=(ListChange(list_id=1, status="Active", action=bad),)
        ),
    ]
    for change in spoiled:
        with pytest.raises(PermanentError):
            client.update([LEAN, change])
    for fields in (
        {"definition_key": bad}, {"subscriber_key": bad}, {"email_address": bad},
        {"attributes": (("x", bad),)}, {"attributes": ((bad, "x"),)},
    ):  # fmt: skip
        whole: dict[str, Any] = {
            "definition_key": "d", "subscriber_key": KEY, "email_address": EMAIL,
        }  # fmt: skip
        with pytest.raises(PermanentError):
            client.create([LEAN_SEND, TriggeredSend(**(whole | fields))])
    assert not vendor.messages


def test_a_message_without_objects_is_a_value_error(client: Client) -> None:
    with pytest.raises(ValueError, match="needs an object"):
        client.update([])
    with pytest.raises(ValueError, match="needs an object"):
        client.create([])
