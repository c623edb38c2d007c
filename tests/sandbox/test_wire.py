"""Tokens, envelopes, units and pages as a client sees them."""

import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Thread
from types import SimpleNamespace

import pytest
from lxml import etree

from tests.sandbox.talk import (
    API,
    STATUS_CALL,
    Caller,
    attributes,
    envelope,
    execute_call,
    fault,
    fuel,
    on_list,
    overall,
    request,
    results,
    subscriber,
    user,
)
from unsub.sandbox import Sandbox
from unsub.sandbox.http import tokens
from unsub.sandbox.world.sample import CHILD, PARENT

ADA = {"SubscriberID": "1001", "JobID": "88002"}


def test_a_token_comes_with_its_lifetime_and_the_addresses(caller: Caller) -> None:
    answer = caller.ask_token(account_id=str(PARENT)).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 1079
    assert answer["soap_instance_url"] == answer["rest_instance_url"] == caller.url
    assert "list_and_subscribers_write" in answer["scope"]


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"account_id": 4711}, 400, "invalid_request"),
        ({"account_id": "x"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_token_request_gets_its_error(
    caller: Caller, changes: dict[str, object], status: int, error: str
) -> None:
    answer = caller.ask_token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert caller.get("calls.json")["tokens"] == {str(status): 1}


def test_a_token_request_that_is_no_json_is_refused(caller: Caller) -> None:
    answer = caller.http.post(f"{caller.url}v2/token", data="grant_type=x", timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(token_lifetime=600) as sandbox, Caller(sandbox.url) as caller:
        assert caller.unsub(**ADA).status == "OK"
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 600)
        monkeypatch.setattr(tokens, "time", later)
        answer = caller.post(execute_call(request(ADA)))
        assert fault(answer) == ("q0:Security", "Token Expired", None)
        assert b"<detail" not in answer.content


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("", "Login Failed"),
        (user("sandbox", "wrong"), "Login Failed"),
        (user("wrong", "sandbox"), "Login Failed"),
        (fuel("made-up"), "Token Expired"),
    ],
)
def test_calls_without_valid_credentials_are_refused(
    sfmc: Sandbox, caller: Caller, header: str, text: str
) -> None:
    answer = caller.post(execute_call(request(ADA)), header=header)
    assert fault(answer) == ("q0:Security", text, None)
    assert not sfmc.events()


def test_ws_security_credentials_are_accepted(sfmc: Sandbox, caller: Caller) -> None:
    answer = caller.post(execute_call(request(ADA)), header=user("sandbox", "sandbox"))
    assert results(answer)[0].status == "OK"
    assert sfmc.events()[0]["mid"] == PARENT


def test_a_success_has_neither_error_code_nor_ordinal(caller: Caller) -> None:
    answer = caller.post(execute_call(request(ADA)))
    assert overall(answer) == "OK"
    (said,) = results(answer)
    assert (said.message, said.code, said.ordinal) == ("Event posted", None, None)
    guid = etree.fromstring(answer.content).findtext(f".//{API}RequestID")
    assert str(uuid.UUID(guid)) == guid


def test_results_come_in_the_order_of_the_requests(sfmc: Sandbox, caller: Caller) -> None:
    calls = [
        request({"SubscriberID": "1001", "JobID": "88002"}),
        request({"SubscriberID": "9999", "JobID": "88002"}),
        request({"SubscriberID": "1002", "ListID": "7101"}, mid=CHILD),
        request({"SubscriberID": "1001", "JobID": "88001"}),
    ]
    answer = caller.post(execute_call(*calls))
    assert overall(answer) == "Has Errors"
    said = [(item.status, item.code, item.ordinal) for item in results(answer)]
    assert said == [
        ("OK", None, None),
        ("Error", 400, 1),
        ("OK", None, None),
        ("Error", 401, 3),
    ]
    assert [event["mid"] for event in sfmc.events()] == [PARENT, CHILD]
    assert caller.get("calls.json")["largest_message"] == 4


def test_a_message_in_which_all_requests_fail_is_an_error(caller: Caller) -> None:
    assert overall(caller.post(execute_call(request({}), request({})))) == "Error"


def test_an_empty_message_has_no_results(caller: Caller) -> None:
    answer = caller.post(execute_call())
    assert (overall(answer), results(answer)) == ("OK", [])


@pytest.mark.parametrize("name", ["logunsubevent", "Unsubscribe", ""])
def test_an_unknown_request_name_refuses_the_whole_message(
    sfmc: Sandbox, caller: Caller, name: str
) -> None:
    answer = caller.post(execute_call(request(ADA), request(ADA, name=name)))
    assert overall(answer).startswith("Error: Unable to find a handler")
    assert not results(answer)
    assert not sfmc.events()


def test_wrong_capitals_are_an_object_reference_error(sfmc: Sandbox, caller: Caller) -> None:
    body = execute_call(
        "<Requests><Name>LogUnsubEvent</Name><Parameters><name>SubscriberID</name>"
        "<value>1001</value></Parameters></Requests>"
    )
    (said,) = results(caller.post(body))
    assert said.status == "Error"
    assert said.message == "Object reference not set to an instance of an object."
    assert not sfmc.masters()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Envelope",
        b"hello",
        b"<other/>",
        b'<!DOCTYPE x [<!ENTITY e "1">]>' + envelope("", ""),
        b"\xff\xfe\x00",
    ],
)
def test_a_body_that_is_no_envelope_is_a_bad_request(caller: Caller, content: bytes) -> None:
    answer = caller.post_bytes(content)
    assert (answer.status_code, answer.text) == (400, "Bad Request")


def test_an_unknown_operation_is_a_client_fault(caller: Caller) -> None:
    assert fault(caller.post("<Retrieve/>", action="Retrieve"))[0] == "soap:Client"
    assert fault(caller.post(execute_call(request(ADA)), action="Create"))[0] == "soap:Client"
    assert fault(caller.post(""))[0] == "soap:Client"


@pytest.mark.parametrize(
    ("account", "mid", "allowed"),
    [
        (PARENT, None, True),
        (PARENT, PARENT, True),
        (PARENT, 4711, False),
        (CHILD, PARENT, False),
    ],
)
def test_an_account_may_call_for_itself_and_its_children(
    sfmc: Sandbox, account: int, mid: int | None, allowed: bool
) -> None:
    with Caller(sfmc.url, account=account) as caller:
        answer = caller.post(execute_call(request(ADA, mid=mid)))
        if allowed:
            assert results(answer)[0].status == "OK"
        else:
            assert fault(answer)[0::2] == ("soap:Server", 11)
    assert bool(sfmc.events()) is allowed


def test_one_forbidden_unit_refuses_the_whole_message(sfmc: Sandbox, caller: Caller) -> None:
    answer = caller.post(execute_call(request(ADA), request(ADA, mid=4711)))
    assert fault(answer)[2] == 11
    assert not sfmc.events()


def test_a_client_id_that_is_no_number_is_a_client_fault(caller: Caller) -> None:
    assert fault(caller.post(execute_call(request(ADA, mid="abc"))))[0] == "soap:Client"


def test_a_token_of_the_child_unit_is_for_the_child(sfmc: Sandbox) -> None:
    with Caller(sfmc.url, account=CHILD) as caller:
        assert caller.unsub(**ADA).code == 400
        assert caller.unsub(SubscriberID="1001", JobID="88101").status == "OK"
    assert sfmc.events()[0]["mid"] == CHILD


def test_the_system_status_is_ok(caller: Caller) -> None:
    answer = caller.post(STATUS_CALL, action="GetSystemStatus")
    status = etree.fromstring(answer.content).findtext(f".//{API}Result/{API}SystemStatus")
    assert (status, overall(answer)) == ("OK", "OK")


def test_events_and_masters_are_listed_newest_last(caller: Caller) -> None:
    caller.unsub(SubscriberID="1001", JobID="88002", Reason="one")
    caller.unsub(SubscriberID="1002")
    caller.unsub(SubscriberKey="emil-1003", ListID="7002")
    first, second = caller.get("events.json")
    (master,) = caller.get("masters.json")
    assert [first["id"], master["id"], second["id"]] == [1, 2, 3]
    assert first["parameters"] == {"SubscriberID": "1001", "JobID": "88002", "Reason": "one"}
    assert (second["subscriber_key"], second["job_id"]) == ("emil-1003", 88003)
    assert (first["kind"], master["kind"]) == ("event", "master")
    assert datetime.fromisoformat(first["at"]).utcoffset() is not None


def test_calls_are_counted_by_result(caller: Caller) -> None:
    caller.unsub(**ADA)
    caller.unsub(**ADA)
    caller.post(execute_call(), header="")
    counts = caller.get("calls.json")
    assert counts["soap"] == {"Execute": 3}
    assert counts["results"] == {"OK": 1, "401": 1}
    assert counts["token_requests"] == 1
    assert counts["faults"] == {"Login Failed": 1}


def test_the_page_shows_what_happened_and_escapes_it(caller: Caller) -> None:
    caller.unsub(**ADA, Reason="<script>alert(1)</script>")
    caller.unsub(SubscriberID="1002")
    caller.cue("latency", times=None, value=0)
    page = caller.http.get(caller.url, timeout=10).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'http-equiv="refresh"' not in page
    assert 'http-equiv="refresh"' in caller.http.get(f"{caller.url}?live=1", timeout=10).text
    assert page.count("Unsubscribed</span>") == 1 + 8
    assert "latency), value 0 <b>until cleared</b>" in page
    assert "88002" in page


def test_the_page_shows_people_updates_and_emails_and_escapes_them(
    sfmc: Sandbox, caller: Caller
) -> None:
    given = {"First Name": "<b>Eve", "Birthday": "1990-05-17"}
    caller.update(subscriber("ada-1001", attributes(given) + on_list(7004, "Active", "create")))
    sfmc.memory.send(
        PARENT, "new-link", key="<i>", email="ada@example.com", attributes={"Link": "<u>x"}
    )
    caller.cue("latency", times=None, value=0, operation="Retrieve:List")
    page = caller.http.get(caller.url, timeout=10).text
    for text in ("<b>Eve", "<i>", "<u>"):
        assert text not in page
    for text in ("&lt;b&gt;Eve", "&lt;i&gt;", "Link: &lt;u&gt;x", "5/17/1990 12:00:00 AM"):
        assert text in page
    assert "list 7004 create Active" in page
    assert "latency), value 0, of Retrieve:List" in page


def test_the_page_of_many_subscribers_shows_the_changed_ones() -> None:
    with Sandbox(subscribers=20_000) as sandbox, Caller(sandbox.url) as caller:
        caller.unsub(SubscriberID="20500", JobID="88002")
        page = caller.http.get(caller.url, timeout=10).text
        assert "sub-20500" in page
        assert page.count("<td>sub-") + 4 == 50


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "healthz", 200),
        ("HEAD", "", 200),
        ("GET", "nowhere", 404),
        ("GET", "Service.asmx", 405),
        ("POST", "events.json", 405),
        ("GET", "events.json?x=1", 200),
    ],
)
def test_each_path_answers_with_its_status(
    caller: Caller, method: str, path: str, status: int
) -> None:
    answer = caller.http.request(method, f"{caller.url}{path}", timeout=10)
    assert answer.status_code == status
    assert "Content-Length" in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Transfer-Encoding: gzip\r\n", b"501"),
        (b"", b"411"),
        (b"Content-Length: 6000000\r\n", b"413"),
    ],
)
def test_a_body_without_a_usable_length_is_refused(
    sfmc: Sandbox, headers: bytes, status: bytes
) -> None:
    host, port = sfmc.url.removeprefix("http://").strip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /Service.asmx HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
        assert status in connection.recv(1024)


def test_the_same_unsubscribe_from_many_threads_is_one_event(sfmc: Sandbox) -> None:
    def call(_: int) -> int | None:
        with Caller(sfmc.url) as caller:
            return caller.unsub(**ADA).code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(call, range(48)))
    assert codes.count(None) == 1
    assert codes.count(401) == 47
    assert len(sfmc.events()) == 1


def test_a_connection_is_kept_alive_until_the_sandbox_closes() -> None:
    sandbox = Sandbox()
    host, port = sandbox.url.removeprefix("http://").strip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in connection.recv(4096)
        closing = Thread(target=sandbox.close, daemon=True)
        closing.start()
        assert connection.recv(10) == b""
        # A connection may idle for two minutes: closing does not wait for it.
        closing.join(60)
        assert not closing.is_alive()
