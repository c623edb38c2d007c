"""Requests in the forms that other clients write: paths, SOAP 1.2, headers, chunks, rights."""

import socket
from collections.abc import Iterator

import pytest
import requests
from lxml import etree

from tests.sandbox.talk import (
    API,
    FAULT,
    STATUS_CALL,
    Caller,
    create_call,
    describe_call,
    envelope,
    execute_call,
    fault,
    fuel,
    overall,
    request,
    results,
    retrieve_call,
    subscriber,
    update_call,
    user,
)
from unsub.sandbox import Sandbox
from unsub.sandbox.soap.namespaces import SOAP, SOAP_12, WSSE
from unsub.sandbox.world.errors import MESSAGES

ADA = {"SubscriberID": "1001", "JobID": "88002"}
CALL = execute_call(request(ADA))
NEW = f"{{{SOAP_12}}}"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
SEND = create_call(
    '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>new-link'
    "</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ada@example.com"
    "</EmailAddress><SubscriberKey>ada-1001</SubscriberKey></Subscribers></Objects>"
)
# Action, body, scope that the call needs.
CALLS = (
    ("Execute", CALL, "list_and_subscribers_write"),
    ("Retrieve", retrieve_call("Subscriber", "ID"), "list_and_subscribers_read"),
    ("Retrieve", retrieve_call("UnsubEvent", "SendID"), "tracking_events_read"),
    ("Update", update_call(subscriber()), "list_and_subscribers_write"),
    ("Create", SEND, "email_send"),
)


def records(sandbox: Sandbox) -> list[object]:
    """Return everything that calls have done."""
    return [*sandbox.events(), *sandbox.masters(), *sandbox.updates(), *sandbox.mails()]


def new_envelope(header: str, body: str, *, action: str = "") -> bytes:
    """Return an envelope of SOAP 1.2, with the action in its addressing header."""
    said = f'<a:Action xmlns:a="{ADDRESSING}" s:mustUnderstand="1">{action}</a:Action>'
    said = said if action else ""
    return (
        f'<s:Envelope xmlns:s="{SOAP_12}"><s:Header>{said}{header}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def post_new(caller: Caller, content: bytes, *, action: str = "") -> requests.Response:
    """Return the reply to SOAP 1.2, with the action in the content type."""
    said = f'; action="{action}"' if action else ""
    headers = {"Content-Type": f"application/soap+xml; charset=utf-8{said}"}
    return caller.http.post(f"{caller.url}Service.asmx", data=content, headers=headers, timeout=10)


@pytest.mark.parametrize("path", ["Service.asmx", "service.asmx", "SERVICE.ASMX"])
def test_a_path_is_served_in_any_letter_case(caller: Caller, path: str) -> None:
    content = envelope(fuel(caller.token), CALL)
    answer = caller.http.post(f"{caller.url}{path}", data=content, timeout=10)
    assert results(answer)[0].status == "OK"
    assert caller.http.get(f"{caller.url}ETFramework.WSDL", timeout=10).status_code == 200
    assert caller.http.post(f"{caller.url}V2/Token", json={}, timeout=10).status_code == 400


@pytest.mark.parametrize(("header", "content_type"), [("Execute", ""), ("", "Execute"), ("", "")])
def test_soap_1_2_is_answered_in_soap_1_2(
    sfmc: Sandbox, caller: Caller, header: str, content_type: str
) -> None:
    content = new_envelope(fuel(caller.token), CALL, action=header)
    answer = post_new(caller, content, action=content_type)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    root = etree.fromstring(answer.content)
    assert root.tag == f"{NEW}Envelope"
    assert root.findtext(f"{NEW}Body//{API}OverallStatus") == "OK"
    assert len(sfmc.events()) == 1


@pytest.mark.parametrize(("header", "content_type"), [("Retrieve", ""), ("", "Retrieve")])
def test_an_action_of_another_operation_is_a_fault(
    sfmc: Sandbox, caller: Caller, header: str, content_type: str
) -> None:
    content = new_envelope(fuel(caller.token), CALL, action=header)
    answer = post_new(caller, content, action=content_type)
    assert answer.status_code == 500
    assert etree.fromstring(answer.content).findtext(f".//{NEW}Code/{NEW}Value") == "soap:Sender"
    assert not sfmc.events()


def test_faults_of_soap_1_2_have_code_reason_and_detail(sfmc: Sandbox, caller: Caller) -> None:
    answer = post_new(caller, new_envelope(fuel("made-up"), CALL))
    root = etree.fromstring(answer.content)
    assert root.findtext(f".//{NEW}Subcode/{NEW}Value") == "q0:Security"
    assert root.findtext(f".//{NEW}Reason/{NEW}Text") == "Token Expired"
    assert root.find(f".//{NEW}Detail") is None
    sfmc.cue("fault_13")
    answer = post_new(caller, new_envelope(fuel(caller.token), CALL))
    root = etree.fromstring(answer.content)
    assert root.findtext(f".//{NEW}Code/{NEW}Value") == "soap:Receiver"
    assert root.findtext(f".//{NEW}Detail/{FAULT}apifault/{FAULT}Code") == "13"


@pytest.mark.parametrize("new", [False, True])
def test_the_prefix_of_a_fault_code_is_declared(caller: Caller, new: bool) -> None:
    """A client of .NET throws on an undeclared one."""
    build = new_envelope if new else envelope
    root = etree.fromstring(caller.post_bytes(build("", CALL)).content)
    space = SOAP_12 if new else SOAP
    path = f".//{NEW}Subcode/{NEW}Value" if new else ".//faultcode"
    code = root.find(path)
    assert code is not None
    assert code.text == "q0:Security"
    assert (code.nsmap["q0"], code.nsmap["soap"]) == (WSSE, space)


@pytest.mark.parametrize(
    "form",
    [
        "<fueloauth>{token}</fueloauth>",
        '<fueloauth xmlns="">{token}</fueloauth>',
        '<f:fueloauth xmlns:f="urn:other"> {token} </f:fueloauth>',
        '<oAuth xmlns="http://exacttarget.com"><oAuthToken>{token}</oAuthToken></oAuth>',
        "<oAuth><oAuthToken>{token}</oAuthToken></oAuth>" + user("*", "*"),
    ],
)
def test_a_token_is_read_in_every_form(caller: Caller, form: str) -> None:
    answer = caller.post(CALL, header=form.format(token=caller.token))
    assert results(answer)[0].status == "OK"
    wrong = caller.post(CALL, header=form.format(token="made-up"))
    assert fault(wrong)[1] == "Token Expired"


def test_an_old_client_gets_a_token_at_its_own_path(caller: Caller) -> None:
    form = {"clientId": "sandbox", "clientSecret": "sandbox", "accessType": "offline"}
    where = f"{caller.url}v1/requestToken?legacy=1"
    said = caller.http.post(where, json=form, timeout=10).json()
    assert (said["expiresIn"], said["legacyToken"]) == (1079, said["accessToken"])
    assert results(caller.post(CALL, header=fuel(said["accessToken"])))[0].status == "OK"
    refusals: tuple[object, ...] = (form | {"clientSecret": "wrong"}, [])
    for wrong in refusals:
        refused = caller.http.post(where, json=wrong, timeout=10)
        assert refused.status_code in {400, 401}
        assert refused.json()["message"] == "Unauthorized"


def test_the_body_may_come_before_the_header(caller: Caller) -> None:
    content = (
        f'<Envelope xmlns="{SOAP}"><Body>{CALL}</Body>'
        f"<Header>{fuel(caller.token)}</Header></Envelope>"
    )
    assert results(caller.post_bytes(content.encode()))[0].status == "OK"


def test_a_body_may_come_in_chunks(sfmc: Sandbox, caller: Caller) -> None:
    content = envelope(fuel(caller.token), CALL)

    def parts() -> Iterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    for _ in range(2):  # on one connection: nothing of the first body is left
        answer = caller.http.post(f"{caller.url}Service.asmx", data=parts(), timeout=10)
        assert answer.status_code == 200
    assert len(sfmc.events()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"5;note=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"400 Bad Request"),
        (b"many\r\n", b"400"),
        (b"5\r\nhello, world\r\n0\r\n\r\n", b"400"),
        (b"600000\r\n", b"413"),
        (b"0\r\n" + b"T: x\r\n" * 30 + b"\r\n", b"400"),
    ],
)
def test_chunks_that_are_no_message_are_refused(sfmc: Sandbox, body: bytes, status: bytes) -> None:
    host, port = sfmc.url.removeprefix("http://").strip("/").split(":")
    head = b"POST /Service.asmx HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head + body)
        assert status in connection.recv(1024)


def test_messages_say_what_the_vendor_documents(caller: Caller) -> None:
    assert caller.unsub(SubscriberID="9999").message == MESSAGES[400]
    assert MESSAGES[400] == "The subscriber could not be found on the specified JobID"
    assert caller.unsub(EmailAddress="ada@example.com").message.endswith(
        "You MUST supply SubscriberKey and/or SubscriberID"
    )


def test_a_token_has_the_scope_that_was_asked_for(caller: Caller) -> None:
    answer = caller.ask_token(scope="list_and_subscribers_read email_send")
    assert answer.json()["scope"] == "email_send list_and_subscribers_read"
    assert set(caller.ask_token().json()["scope"].split()) >= {scope for _, _, scope in CALLS}
    refused = caller.ask_token(scope="email_send journeys_write")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(("action", "body", "scope"), CALLS)
def test_a_call_needs_its_scope(
    sfmc: Sandbox, caller: Caller, action: str, body: str, scope: str
) -> None:
    others = {one for _, _, one in CALLS} - {scope}
    without = caller.ask_token(scope=" ".join(others)).json()["access_token"]
    answer = caller.post(body, action=action, header=fuel(without))
    if action in {"Update", "Create"}:
        (said,) = results(answer)
        assert (said.status, said.code, said.message) == ("Error", None, "API Permission Failed.")
        assert overall(answer) == "Error"
    else:
        assert overall(answer) == "Error: API Permission Failed."
        assert not results(answer)
    assert not records(sfmc)
    alone = caller.ask_token(scope=scope).json()["access_token"]
    answer = caller.post(body, action=action, header=fuel(alone))
    assert overall(answer) == "OK"


def test_calls_that_change_and_read_nothing_need_no_scope(caller: Caller) -> None:
    token = caller.ask_token(scope="email_send").json()["access_token"]
    for action, body in (
        ("GetSystemStatus", STATUS_CALL),
        ("Describe", describe_call("Subscriber")),
    ):
        assert caller.post(body, action=action, header=fuel(token)).status_code == 200


def test_a_package_may_lack_a_right() -> None:
    with Sandbox(scopes={"email_send"}) as sandbox, Caller(sandbox.url) as caller:
        assert caller.ask_token().json()["scope"] == "email_send"
        assert overall(caller.post(CALL)) == "Error: API Permission Failed."
        # A user has rights of their own.
        answer = caller.post(CALL, header=user("sandbox", "sandbox"))
        assert results(answer)[0].status == "OK"


@pytest.mark.parametrize(("action", "body"), [(action, body) for action, body, _ in CALLS])
def test_a_missing_right_is_injected_in_both_forms(
    sfmc: Sandbox, caller: Caller, action: str, body: str
) -> None:
    sfmc.cue("permission_failed", operation=action)
    assert b"API Permission Failed" in caller.post(body, action=action).content
    sfmc.cue("not_authorized", operation=action)
    answer = caller.post(body, action=action)
    assert fault(answer) == ("soap:Client", "User Not Authorized", None)
    assert b"<detail" not in answer.content
    assert not records(sfmc)
    assert overall(caller.post(body, action=action)) == "OK"


def test_a_right_to_read_may_be_missing_alone(sfmc: Sandbox, caller: Caller) -> None:
    sfmc.cue("permission_failed", times=None, operation="Retrieve:ListSubscriber")
    lists = retrieve_call("ListSubscriber", "ListID")
    assert overall(caller.post(lists, action="Retrieve")) == "Error: API Permission Failed."
    assert caller.retrieve("List", "ID")
    assert caller.unsub(**ADA).status == "OK"


@pytest.mark.parametrize("kind", ["List", "ListSubscriber", "UnsubEvent", "Subscriber"])
def test_what_describe_calls_retrievable_can_be_retrieved(caller: Caller, kind: str) -> None:
    answer = caller.post(describe_call(kind), action="Describe")
    found = etree.fromstring(answer.content).iterfind(f".//{API}Properties")
    names = [
        str(one.findtext(f"{API}Name"))
        for one in found
        if one.findtext(f"{API}IsRetrievable") == "true"
    ]
    assert len(names) > 3
    assert overall(caller.post(retrieve_call(kind, *names), action="Retrieve")) == "OK"
