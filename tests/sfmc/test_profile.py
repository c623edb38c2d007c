"""Rows of subscribers and of list memberships."""

import pytest

from tests.sfmc.replies import NIL, place, rows, subscriber
from tests.sfmc.vendor import GUID, Vendor
from tests.stand_in import Answer
from unsub.sfmc import (
    PROFILE_PROPERTIES,
    Filter,
    Page,
    RetrieveRequest,
    UnknownOutcomeError,
    read_membership,
    read_profile,
    read_subscriber_name,
)
from unsub.sfmc.client import Client

ASKED = RetrieveRequest(
    object_type="Subscriber", properties=PROFILE_PROPERTIES,
    filter=Filter(property="SubscriberKey", operator="equals", values=("ada",)),
)  # fmt: skip
ADA = subscriber(
    1001, "ada", "ada@example.com", ("City", "Z&#252;rich &amp; more"), ("Empty", ""),
    ("Nothing", None),
)  # fmt: skip


def retrieve(client: Client, vendor: Vendor, *found: str, status: str = "OK") -> Page:
    """Return what the client reads from these rows."""
    vendor.answers(Answer(body=rows(*found, status=status)))
    return client.retrieve(ASKED)


def test_a_profile_has_its_attributes_by_name(client: Client, vendor: Vendor) -> None:
    (row,) = retrieve(client, vendor, ADA).rows
    found = read_profile(row)
    assert (found.subscriber_id, found.subscriber_key) == (1001, "ada")
    assert (found.email_address, found.status) == ("ada@example.com", "Active")
    assert found.email_type == "HTML"
    assert found.attributes == {"City": "Zürich & more", "Empty": "", "Nothing": ""}
    assert read_subscriber_name(row).subscriber_id == 1001


@pytest.mark.parametrize("said", ["", NIL])
def test_missing_values_are_empty(client: Client, vendor: Vendor, said: str) -> None:
    names = ("EmailAddress", "SubscriberKey", "Status", "EmailTypePreference")
    nothing = "".join(f"<{name} {said}/>" for name in names)
    row = f'<Results xsi:type="Subscriber"><ID>7</ID>{nothing}<Attributes {said}/></Results>'
    found = read_profile(retrieve(client, vendor, row).rows[0])
    assert (found.subscriber_key, found.email_address, found.status) == ("", "", "")
    assert (found.email_type, dict(found.attributes)) == ("", {})


def test_an_element_added_by_the_vendor_hides_nothing(client: Client, vendor: Vendor) -> None:
    fresh = ADA.replace("<SubscriberKey>", "<Fresh>1</Fresh><SubscriberKey>")
    found = read_profile(retrieve(client, vendor, fresh).rows[0])
    assert (found.subscriber_key, found.attributes["Empty"]) == ("ada", "")


@pytest.mark.parametrize("row", ["<Results/>", ADA.replace("<ID>1001</ID>", "")])
def test_a_row_that_is_no_subscriber_is_an_error(client: Client, vendor: Vendor, row: str) -> None:
    found = retrieve(client, vendor, row).rows[0]
    with pytest.raises((AttributeError, TypeError)):
        read_profile(found)


def test_a_membership_names_its_subscriber(client: Client, vendor: Vendor) -> None:
    page = retrieve(client, vendor, place("ada", 7001), place("bea", 7002, "Unsubscribed"))
    found = [read_membership(row) for row in page.rows]
    assert [(one.subscriber_key, one.list_id, one.status) for one in found] == [
        ("ada", 7001, "Active"), ("bea", 7002, "Unsubscribed"),
    ]  # fmt: skip


def test_more_data_gives_the_id_of_the_next_page(client: Client, vendor: Vendor) -> None:
    assert retrieve(client, vendor, ADA).next_id is None
    assert retrieve(client, vendor, ADA, status="MoreDataAvailable").next_id == GUID


def test_a_refused_retrieve_is_an_error_and_no_empty_page(client: Client, vendor: Vendor) -> None:
    with pytest.raises(UnknownOutcomeError):
        retrieve(client, vendor, status="Error: bad property")
