"""Retrieve of subscribers, lists and memberships."""

import pytest
from lxml import etree

from tests.sandbox.talk import API, Caller, count_scans, overall, retrieve_call
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import ListKind, MailList, Subscriber
from unsub.sandbox.world.sample import CHILD, sample_lists


def names(row: etree._Element) -> list[str]:
    """Return the names of a row's elements, each once."""
    return list(dict.fromkeys(child.tag.removeprefix(API) for child in row))


def attributes_of(row: etree._Element) -> dict[str, str]:
    """Return the Attributes of a row."""
    return {
        str(one.findtext(f"{API}Name")): str(one.findtext(f"{API}Value"))
        for one in row.iterfind(f"{API}Attributes")
    }


def test_attributes_are_always_returned_and_dates_are_in_the_us_format(caller: Caller) -> None:
    (row,) = caller.retrieve("Subscriber", "SubscriberKey", where=("SubscriberKey", "ada-1001"))
    assert names(row) == ["Attributes", "SubscriberKey"]
    found = attributes_of(row)
    assert (found["First Name"], found["City"]) == ("Ada", "London")
    assert found["Birthday"] == "5/17/1990 12:00:00 AM"
    assert found["Second address"] == ""
    assert len(found) == 9


def test_properties_are_in_the_order_of_the_schema(caller: Caller) -> None:
    caller.unsub(SubscriberID="1001")
    asked = ("EmailTypePreference", "Status", "UnsubscribedDate", "EmailAddress", "ID")
    (row,) = caller.retrieve("Subscriber", *asked, where=("ID", "1001"))
    assert names(row) == [
        "ID", "EmailAddress", "Attributes", "UnsubscribedDate", "Status", "EmailTypePreference",
    ]  # fmt: skip
    assert row.findtext(f"{API}Status") == "Unsubscribed"
    assert row.findtext(f"{API}EmailTypePreference") == "HTML"


def test_only_unsubscribed_subscribers_have_an_unsubscribed_date(caller: Caller) -> None:
    (row,) = caller.retrieve("Subscriber", "Status", "UnsubscribedDate", where=("ID", "1001"))
    assert (row.findtext(f"{API}Status"), row.find(f"{API}UnsubscribedDate")) == ("Active", None)


@pytest.mark.parametrize("status", ["Bounced", "Held", "Deleted", "Unsubscribed"])
def test_subscribers_can_start_in_any_status(status: str) -> None:
    person = Subscriber(subscriber_id=1, key="kim", email="kim@example.com", status=status)
    with Sandbox(subscribers=[person]) as sandbox, Caller(sandbox.url) as caller:
        (row,) = caller.retrieve("Subscriber", "Status", where=("SubscriberKey", "KIM"))
        assert row.findtext(f"{API}Status") == status
        assert caller.places("kim")[7001] == status


def test_only_lists_with_the_subscriber_are_returned_groups_included(caller: Caller) -> None:
    places = caller.places("ada-1001")
    assert places == dict.fromkeys((7000, 7001, 7002, 7003, 7008, 7009), "Active")


def test_groups_are_no_lists_and_an_empty_list_is_one(caller: Caller) -> None:
    rows = caller.retrieve("List", "ID", "ListName", "Description", "Type", "ListClassification")
    found = {row.findtext(f"{API}ID"): row for row in rows}
    assert "7008" not in found
    assert found["7004"].findtext(f"{API}ListName") == "Events near you"
    assert found["7004"].findtext(f"{API}ListClassification") == "PublicationList"


def test_members_are_on_the_list_from_the_start() -> None:
    few = MailList(list_id=7050, mid=510001, name="Few", members=frozenset({1002}))
    with Sandbox(lists=(*sample_lists(), few)) as sandbox, Caller(sandbox.url) as caller:
        assert 7050 not in caller.places("ada-1001")
        assert caller.places("grace-1002")[7050] == "Active"


def test_a_list_unsubscribe_shows_on_the_list_and_a_master_one_everywhere(caller: Caller) -> None:
    caller.unsub(SubscriberID="1001", JobID="88002")
    places = caller.places("ada-1001")
    assert (places[7001], places[7000], places[7002]) == ("Unsubscribed", "Active", "Active")
    caller.unsub(SubscriberID="1001")
    assert set(caller.places("ada-1001").values()) == {"Unsubscribed"}


def test_a_list_of_another_unit_is_not_among_the_memberships(sfmc: Sandbox) -> None:
    with Caller(sfmc.url, account=CHILD) as caller:
        assert set(caller.places("ada-1001")) == {7100, 7101}


def test_pages_continue_where_the_last_one_ended(sfmc: Sandbox, caller: Caller) -> None:
    sfmc.retrieve_pages.page_size = 20
    seen: list[str | None] = []
    more = ""
    for status in ("MoreDataAvailable", "MoreDataAvailable", "OK"):
        answer = caller.post(retrieve_call("Subscriber", "ID", more=more), action="Retrieve")
        assert overall(answer) == status
        root = etree.fromstring(answer.content)
        seen += [one.text for one in root.iterfind(f".//{API}Results/{API}ID")]
        more = f"<ContinueRequest>{root.findtext(f'.//{API}RequestID')}</ContinueRequest>"
    assert seen == [str(number) for number in range(1001, 1051)]


def test_one_of_many_subscribers_is_found_by_index() -> None:
    groups = [
        MailList(list_id=8000 + n, mid=510001, name=f"{n}", kind=ListKind.GROUP) for n in range(50)
    ]
    lists = (*sample_lists(), *groups)
    with Sandbox(subscribers=2_000, lists=lists) as sandbox, Caller(sandbox.url) as caller:
        assert caller.token
        everybody = count_scans(sandbox)
        for number in range(20):
            key = f"sub-{1100 + number * 90}"
            assert len(caller.places(key)) == 56
            (row,) = caller.retrieve("Subscriber", "EmailAddress", where=("SubscriberKey", key))
            email = str(row.findtext(f"{API}EmailAddress"))
            assert len(caller.retrieve("Subscriber", "ID", where=("EmailAddress", email))) == 1
        assert everybody.scans == 0
        caller.retrieve("Subscriber", "ID")
        assert everybody.scans == 1


def test_all_subscribers_with_an_address_are_found_by_it() -> None:
    people = [
        Subscriber(subscriber_id=number, key=f"family-{number}", email="home@example.com")
        for number in (1, 2)
    ]
    with Sandbox(subscribers=people) as sandbox, Caller(sandbox.url) as caller:
        rows = caller.retrieve("Subscriber", "ID", where=("EmailAddress", "Home@example.com"))
        assert [row.findtext(f"{API}ID") for row in rows] == ["1", "2"]
        caller.update(
            '<Objects xsi:type="Subscriber"><SubscriberKey>family-1</SubscriberKey>'
            "<EmailAddress>own@example.com</EmailAddress></Objects>"
        )
        for email, key in (("home@example.com", "family-2"), ("own@example.com", "family-1")):
            (row,) = caller.retrieve("Subscriber", "SubscriberKey", where=("EmailAddress", email))
            assert row.findtext(f"{API}SubscriberKey") == key


@pytest.mark.parametrize("value", ["nobody", ""])
def test_an_unknown_subscriber_gives_an_empty_page(caller: Caller, value: str) -> None:
    for name in ("SubscriberKey", "ID", "EmailAddress"):
        assert not caller.retrieve("Subscriber", "ID", where=(name, value))
    assert not caller.places(value)
