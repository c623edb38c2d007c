"""Update of a Subscriber, rule by rule, and how it affects LogUnsubEvent."""

from collections.abc import Mapping

import pytest
from lxml import etree

from tests.sandbox.talk import (
    API,
    Caller,
    attributes,
    fault,
    on_list,
    overall,
    results,
    subscriber,
    update_call,
)
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Subscriber
from unsub.sandbox.world.sample import CHILD

JOIN = on_list(7004, "Active", "create")


def code_of(caller: Caller, inside: str, key: str = "ada-1001") -> tuple[str, int | None]:
    """Return status and code of one update."""
    (said,) = caller.update(subscriber(key, inside))
    return said.status, said.code


def test_a_reply_names_the_subscriber_and_ends_with_the_status(caller: Caller) -> None:
    answer = caller.post(update_call(subscriber("ada-1001", JOIN)), action="Update")
    (said,) = results(answer)
    assert (said.status, said.message, said.ordinal, said.code) == (
        "OK", "Updated Subscriber.", 0, None,
    )  # fmt: skip
    reply = etree.fromstring(answer.content).find(f".//{API}UpdateResponse")
    assert reply is not None
    assert [x.tag.removeprefix(API) for x in reply] == ["Results", "RequestID", "OverallStatus"]
    assert reply.findtext(f"{API}Results/{API}Object/{API}SubscriberKey") == "ada-1001"


def test_given_values_change_and_the_rest_stays(sfmc: Sandbox, caller: Caller) -> None:
    before = sfmc.person(1001)
    inside = (
        "<EmailAddress>ada@new.example.com</EmailAddress>"
        + attributes({"City": "Köln", "Shoe size": "39"})
        + "<EmailTypePreference>Text</EmailTypePreference>"
    )
    assert code_of(caller, inside) == ("OK", None)
    after = sfmc.person(1001)
    assert after == before | {
        "email": "ada@new.example.com",
        "email_type": "Text",
        "attributes": before["attributes"] | {"City": "Köln", "Shoe size": "39"},
    }
    assert caller.get("people.json?id=1001")["attributes"] == after["attributes"]
    # Only the new address finds the subscriber from now on.
    given = {"SubscriberKey": "ada-1001", "JobID": "88002"}
    assert caller.unsub(**given, EmailAddress="ada@example.com").code == 406
    assert caller.unsub(**given, EmailAddress="ada@new.example.com").status == "OK"


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("Birthday", "1990-05-17", "5/17/1990 12:00:00 AM"),
        ("Birthday", "1990-05-17T13:05:09", "5/17/1990 1:05:09 PM"),
        ("Birthday", "12/31/1999", "12/31/1999 12:00:00 AM"),
        ("Birthday", "5/17/1990 12:00:00 AM", "5/17/1990 12:00:00 AM"),
        ("Birthday", "", ""),
        ("Newsletter by post", "false", "False"),
        ("Newsletter by post", "Yes", "True"),
        ("Shoe size", "-3", "-3"),
        ("Second address", "two@example.com", "two@example.com"),
        ("First Name", "", ""),
        ("First Name", "\u5c71\u7530", "\u5c71\u7530"),
        ("Loyalty ID", "L-1", "L-1"),
    ],
)
def test_a_value_is_stored_as_retrieve_returns_it(
    sfmc: Sandbox, caller: Caller, name: str, given: str, kept: str
) -> None:
    assert code_of(caller, attributes({name: given})) == ("OK", None)
    assert sfmc.person(1001)["attributes"][name] == kept


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("First Name", "x" * 51, 12004),
        ("City", "Rome", 12004),
        ("City", "berlin", 12004),
        ("Birthday", "17.5.1990", 12004),
        ("Birthday", "2/30/1990", 12004),
        ("Shoe size", "large", 12004),
        ("Shoe size", "3.5", 12004),
        ("Newsletter by post", "perhaps", 12004),
        ("Second address", "nowhere", 12004),
        ("Last Name", "", 12006),
        ("Last Name", "  ", 12006),
    ],
)
def test_an_invalid_value_is_refused_and_nothing_changes(
    sfmc: Sandbox, caller: Caller, name: str, value: str, code: int
) -> None:
    before = sfmc.person(1001)
    inside = attributes({"First Name": "Eve", name: value}) + JOIN
    assert code_of(caller, inside) == ("Error", code)
    assert sfmc.person(1001) == before
    assert not sfmc.updates()


def test_an_unknown_attribute_is_ignored_without_an_error(sfmc: Sandbox, caller: Caller) -> None:
    assert code_of(caller, attributes({"Colour": "red", "first name": "Eve"})) == ("OK", None)
    assert "Colour" not in sfmc.person(1001)["attributes"]
    assert sfmc.person(1001)["attributes"]["First Name"] == "Ada"


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ("<EmailAddress>nowhere</EmailAddress>", 12000),
        ("<EmailAddress/>", 12000),
        (f"<EmailAddress>{'x' * 250}@example.com</EmailAddress>", 12000),
        ("<Status>Bounced</Status>", 12010),
        ("<EmailTypePreference>PDF</EmailTypePreference>", None),
        (on_list(7004, "Unsubscribed", "update"), 12009),
        (on_list(7004, "Active", "update"), 12010),
        (on_list(7004, action="delete"), 12009),
        (on_list(7001, "Active", "create"), 12014),
        (on_list(7777, "Active", "create"), 12010),
        (on_list("x", "Active", "create"), 12010),
        (on_list(7101, "Active", "update"), 12010),
        (on_list(7000, "Unsubscribed", "update"), 12010),
        (on_list(7008, "Active", "update"), 12010),
        (on_list(7009, "Active", "update"), 12010),
        (on_list(7001, "Held", "update"), 12010),
        (on_list(7001, "Active", "toggle"), 12010),
    ],
)
def test_an_invalid_change_is_refused(
    sfmc: Sandbox, caller: Caller, inside: str, code: int | None
) -> None:
    before = sfmc.person(1001)
    assert code_of(caller, inside) == ("Error", code)
    assert sfmc.person(1001) == before


def test_an_unknown_key_is_an_error(caller: Caller) -> None:
    assert code_of(caller, JOIN, key="nobody") == ("Error", 12015)
    assert code_of(caller, "<EmailAddress>ada@example.com</EmailAddress>", key="") == (
        "Error", 12001,
    )  # fmt: skip


def test_the_id_identifies_a_subscriber_too(sfmc: Sandbox, caller: Caller) -> None:
    for number, status in ((1002, "OK"), (9999, "Error")):
        item = f'<Objects xsi:type="Subscriber"><ID>{number}</ID>{JOIN}</Objects>'
        assert caller.update(item)[0].status == status
    assert 7004 in sfmc.person(1002)["lists"]


def test_without_the_key_permission_the_address_is_the_key() -> None:
    inside = "<EmailAddress>{}</EmailAddress><EmailTypePreference>Text</EmailTypePreference>"
    with Sandbox(key_permission=False) as sandbox, Caller(sandbox.url) as caller:
        assert code_of(caller, inside.format("ada@example.com"), key="") == ("OK", None)
        assert sandbox.person(1001)["email_type"] == "Text"
        assert code_of(caller, inside.format("grace@example.com")) == ("Error", 12007)


def test_subscribing_creates_a_membership_that_can_be_ended_and_renewed(caller: Caller) -> None:
    assert 7004 not in caller.places("ada-1001")
    assert code_of(caller, JOIN) == ("OK", None)
    assert caller.places("ada-1001")[7004] == "Active"
    assert code_of(caller, JOIN) == ("Error", 12014)
    for status in ("Unsubscribed", "Active", "Unsubscribed"):
        assert code_of(caller, on_list(7004, status, "update")) == ("OK", None)
        assert caller.places("ada-1001")[7004] == status
    assert code_of(caller, JOIN) == ("Error", 12014)
    assert code_of(caller, on_list(7004, action="delete")) == ("OK", None)
    assert 7004 not in caller.places("ada-1001")


@pytest.mark.parametrize("action", ["", "upsert", "Upsert"])
def test_without_an_action_a_membership_is_created_or_changed(caller: Caller, action: str) -> None:
    assert code_of(caller, on_list(7004, "Active", action)) == ("OK", None)
    assert code_of(caller, on_list(7001, "Unsubscribed", action)) == ("OK", None)
    places = caller.places("ada-1001")
    assert (places[7004], places[7001]) == ("Active", "Unsubscribed")


def test_a_list_can_be_unsubscribed_from_again_after_resubscribing(
    sfmc: Sandbox, caller: Caller
) -> None:
    ada = {"SubscriberID": "1001", "JobID": "88002"}
    assert caller.unsub(**ada).status == "OK"
    assert caller.unsub(**ada).code == 401
    assert code_of(caller, on_list(7001, "Active", "update")) == ("OK", None)
    assert caller.unsub(**ada).status == "OK"
    assert len(sfmc.events()) == 2


def test_a_list_unsubscribed_from_by_update_is_unsubscribed_from(caller: Caller) -> None:
    assert code_of(caller, on_list(7001, "Unsubscribed", "update")) == ("OK", None)
    assert caller.unsub(SubscriberID="1001", JobID="88002").code == 401


def test_resubscribing_undoes_a_master_unsubscribe_and_no_list_unsubscribe(
    sfmc: Sandbox, caller: Caller
) -> None:
    caller.unsub(SubscriberID="1001", JobID="88002")
    caller.unsub(SubscriberID="1001")
    assert sfmc.person(1001)["status"] == "Unsubscribed"
    assert code_of(caller, "<Status>Active</Status>") == ("OK", None)
    person = sfmc.person(1001)
    assert (person["status"], person["lists"][7001], person["lists"][7002]) == (
        "Active", "Unsubscribed", "Active",
    )  # fmt: skip
    assert caller.unsub(SubscriberID="1001", JobID="88003").status == "OK"


def test_subscribing_to_a_list_does_not_undo_a_master_unsubscribe(
    sfmc: Sandbox, caller: Caller
) -> None:
    caller.unsub(SubscriberID="1001")
    assert code_of(caller, JOIN) == ("OK", None)
    assert sfmc.person(1001)["lists"][7004] == "Unsubscribed"
    assert caller.unsub(SubscriberID="1001", JobID="88002").code == 12012
    code_of(caller, "<Status>Active</Status>")
    assert sfmc.person(1001)["lists"][7004] == "Active"


def test_an_update_of_the_status_is_a_master_unsubscribe(sfmc: Sandbox, caller: Caller) -> None:
    assert code_of(caller, "<Status>Unsubscribed</Status>") == ("OK", None)
    assert caller.unsub(SubscriberID="1001", JobID="88002").code == 12012
    assert not sfmc.masters()
    (row,) = caller.retrieve("Subscriber", "UnsubscribedDate", where=("ID", "1001"))
    assert row.findtext(f"{API}UnsubscribedDate")


def test_a_held_subscriber_can_be_made_active() -> None:
    person = Subscriber(subscriber_id=1, key="kim", email="kim@example.com", status="Held")
    with Sandbox(subscribers=[person]) as sandbox, Caller(sandbox.url) as caller:
        assert code_of(caller, "<Status>Active</Status>", key="kim") == ("OK", None)
        assert sandbox.person(1)["status"] == "Active"


def test_several_in_one_message_each_have_their_result(sfmc: Sandbox, caller: Caller) -> None:
    items = [
        subscriber("ada-1001", JOIN),
        subscriber("nobody", JOIN),
        subscriber("grace-1002", JOIN),
        '<Objects xsi:type="Send"/>',
    ]
    answer = caller.post(update_call(*items), action="Update")
    assert overall(answer) == "Has Errors"
    said = [(x.status, x.ordinal, x.code) for x in results(answer)]
    assert said == [("OK", 0, None), ("Error", 1, 12015), ("OK", 2, None), ("Error", 3, 5)]
    assert [x["subscriber_id"] for x in sfmc.updates()] == [1001, 1002]
    assert overall(caller.post(update_call(items[1]), action="Update")) == "Error"


@pytest.mark.parametrize(
    ("mid", "options", "code"),
    [
        (None, "", 12010),
        (CHILD, "", None),
        (None, f"<Client><ID>{CHILD}</ID></Client>", None),
    ],
)
def test_a_list_belongs_to_the_unit_that_the_message_is_for(
    caller: Caller, mid: int | None, options: str, code: int | None
) -> None:
    inside = on_list(7101, "Unsubscribed", "update")
    (said,) = caller.update(subscriber("ada-1001", inside, mid=mid), options=options)
    assert said.code == code


def test_a_unit_of_another_account_refuses_the_whole_message(sfmc: Sandbox, caller: Caller) -> None:
    call = update_call(subscriber("ada-1001", JOIN), subscriber("grace-1002", JOIN, mid=4711))
    assert fault(caller.post(call, action="Update"))[2] == 11
    assert not sfmc.updates()


def test_updates_are_listed_as_received(sfmc: Sandbox, caller: Caller) -> None:
    caller.unsub(SubscriberID="1002", JobID="88002")
    code_of(caller, attributes({"Birthday": "1990-05-17"}) + JOIN)
    (listed,) = caller.get("updates.json")
    given: Mapping[str, object] = listed["given"]
    assert (listed["id"], listed["mid"], listed["subscriber_key"]) == (2, 510001, "ada-1001")
    assert given == {
        "email": None,
        "email_type": None,
        "status": None,
        "attributes": {"Birthday": "1990-05-17"},
        "lists": [{"list_id": 7004, "status": "Active", "action": "create"}],
    }
    assert sfmc.updates()[0]["given"]["attributes"] == given["attributes"]


@pytest.mark.parametrize("query", ["", "?id=", "?id=x", "?id=9999"])
def test_an_unknown_subscriber_is_not_found(caller: Caller, query: str) -> None:
    assert caller.http.get(f"{caller.url}people.json{query}", timeout=10).status_code == 404


def test_an_unknown_subscriber_raises_key_error_in_python(sfmc: Sandbox) -> None:
    with pytest.raises(KeyError):
        sfmc.person(9999)
