"""Create of a TriggeredSend: which emails are sent, and which recipients are rejected."""

import pytest
from lxml import etree

from tests.sandbox.talk import API, Caller, attributes, create_call, fault, overall, results
from unsub.sandbox import Sandbox
from unsub.sandbox.soap.namespaces import XSI
from unsub.sandbox.world.sample import CHILD, DEFINITIONS


def send(*inside: str, key: str = "new-link", mid: int | None = None) -> str:
    """Return one TriggeredSend of a Create."""
    client = "" if mid is None else f"<Client><ID>{mid}</ID></Client>"
    return (
        f'<Objects xsi:type="TriggeredSend">{client}<TriggeredSendDefinition>'
        f"<CustomerKey>{key}</CustomerKey></TriggeredSendDefinition>{''.join(inside)}</Objects>"
    )


def recipient(email: str = "ada@example.com", key: str = "ada-1001", inside: str = "") -> str:
    """Return one subscriber of a TriggeredSend."""
    return (
        f"<Subscribers><EmailAddress>{email}</EmailAddress>{inside}"
        f"<SubscriberKey>{key}</SubscriberKey></Subscribers>"
    )


def test_a_triggered_send_stores_an_email_with_its_attributes(
    sfmc: Sandbox, caller: Caller
) -> None:
    inside = attributes({"Link": "https://example.com/?a=1&b=2"})
    call = create_call(send(recipient(inside=inside), attributes({"Link": "x", "Unit": "Kids"})))
    answer = caller.post(call, action="Create")
    (said,) = results(answer)
    assert (said.status, said.message, said.ordinal, said.code) == (
        "OK", "Created TriggeredSend", 0, None,
    )  # fmt: skip
    assert overall(answer) == "OK"
    (mail,) = caller.get("mails.json")
    assert mail == sfmc.mails()[0]
    assert {name: mail[name] for name in mail if name not in {"at", "kind"}} == {
        "id": 1,
        "mid": 510001,
        "definition": "new-link",
        "subscriber_key": "ada-1001",
        "email": "ada@example.com",
        "attributes": {"Link": "https://example.com/?a=1&b=2", "Unit": "Kids"},
    }


def test_a_result_has_its_own_type_and_no_new_number(caller: Caller) -> None:
    answer = caller.post(create_call(send(recipient())), action="Create")
    reply = etree.fromstring(answer.content).find(f".//{API}CreateResponse")
    assert reply is not None
    assert [x.tag.removeprefix(API) for x in reply] == ["Results", "RequestID", "OverallStatus"]
    assert reply[0].get(f"{{{XSI}}}type") == "TriggeredSendCreateResult"
    assert [x.tag.removeprefix(API) for x in reply[0]] == [
        "StatusCode", "StatusMessage", "OrdinalID", "NewID",
    ]  # fmt: skip
    assert reply[0].findtext(f"{API}NewID") == "0"


@pytest.mark.parametrize("key", DEFINITIONS)
def test_each_definition_of_the_sample_can_be_sent(caller: Caller, key: str) -> None:
    assert results(caller.post(create_call(send(recipient(), key=key)), action="Create"))[
        0
    ].status == "OK"  # fmt: skip


def test_an_unknown_definition_is_an_error(sfmc: Sandbox, caller: Caller) -> None:
    answer = caller.post(create_call(send(recipient(), key="other")), action="Create")
    assert (results(answer)[0].code, overall(answer)) == (18002, "Error")
    assert not sfmc.mails()
    with Sandbox(definitions=["other"]) as sandbox, Caller(sandbox.url) as there:
        answer = there.post(create_call(send(recipient(), key="other")), action="Create")
        assert overall(answer) == "OK"


def test_rejected_recipients_are_reported_and_the_others_are_sent_to(
    sfmc: Sandbox, caller: Caller
) -> None:
    call = create_call(
        send(
            recipient(""),
            recipient(),
            recipient("nowhere"),
            recipient(key=""),
        )
    )
    answer = caller.post(call, action="Create")
    assert results(answer)[0].status == "OK"
    failures = etree.fromstring(answer.content).findall(f".//{API}SubscriberFailures")
    assert [(x.findtext(f"{API}ErrorCode"), x.findtext(f"{API}Ordinal")) for x in failures] == [
        ("4", "0"),
        ("5", "2"),
        ("8", "3"),
    ]
    assert failures[1].findtext(f"{API}Subscriber/{API}EmailAddress") == "nowhere"
    assert [mail["email"] for mail in sfmc.mails()] == ["ada@example.com"]


def test_a_send_without_valid_recipients_is_an_error(sfmc: Sandbox, caller: Caller) -> None:
    for call in (create_call(send(recipient(""))), create_call(send())):
        (said,) = results(caller.post(call, action="Create"))
        assert (said.status, said.code) == ("Error", 180008)
    assert not sfmc.mails()


def test_an_unknown_recipient_is_sent_to_and_not_created(sfmc: Sandbox, caller: Caller) -> None:
    call = create_call(send(recipient("new@example.com", "new"), key="ask-back"))
    assert results(caller.post(call, action="Create"))[0].status == "OK"
    assert sfmc.mails()[0]["subscriber_key"] == "new"
    assert not caller.retrieve("Subscriber", "ID", where=("SubscriberKey", "new"))


def test_an_email_to_another_address_does_not_change_the_subscriber(
    sfmc: Sandbox, caller: Caller
) -> None:
    call = create_call(send(recipient("ada@new.example.com"), key="confirm-address"))
    caller.post(call, action="Create")
    assert sfmc.mails()[0]["email"] == "ada@new.example.com"
    assert sfmc.person(1001)["email"] == "ada@example.com"


def test_several_sends_each_have_their_result(sfmc: Sandbox, caller: Caller) -> None:
    items = [
        send(recipient()),
        '<Objects xsi:type="Subscriber"><SubscriberKey>x</SubscriberKey></Objects>',
        send(recipient(), mid=CHILD),
    ]
    answer = caller.post(create_call(*items), action="Create")
    assert overall(answer) == "Has Errors"
    assert [(x.ordinal, x.code) for x in results(answer)] == [(0, None), (1, 5), (2, None)]
    assert [mail["mid"] for mail in sfmc.mails()] == [510001, CHILD]


def test_a_unit_of_another_account_sends_nothing(sfmc: Sandbox, caller: Caller) -> None:
    call = create_call(send(recipient()), send(recipient(), mid=4711))
    assert fault(caller.post(call, action="Create"))[2] == 11
    assert not sfmc.mails()
