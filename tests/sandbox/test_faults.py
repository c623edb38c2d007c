"""Every injected fault as a client sees it, and whether the unsubscribe was recorded."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from lxml import etree

from tests.sandbox.talk import (
    API,
    STATUS_CALL,
    Caller,
    create_call,
    describe_call,
    eventually,
    execute_call,
    fault,
    on_list,
    overall,
    request,
    results,
    retrieve_call,
    subscriber,
    update_call,
    user,
)
from unsub.sandbox import Sandbox
from unsub.sandbox.operations.faults import API as API_FAULTS
from unsub.sandbox.operations.faults import KINDS, Cue, CueError, Faults
from unsub.sandbox.world.sample import CHILD, PARENT

ADA = {"SubscriberID": "1001", "JobID": "88002"}
CALL = execute_call(request(ADA))


def test_each_kind_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert not [kind for kind in KINDS if f"`{kind}`" not in text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A fault whose reply is not SOAP, and what that reply looks like."""

    kind: str
    status: int
    start: bytes
    recorded: bool = False
    cue: Mapping[str, object] | None = None
    retry_after: str | None = None


class Delays:
    """Takes the place of the event that a delayed call waits for: notes each wait and how many
    events were recorded before it, and waits for nothing."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.noted: list[tuple[float, int]] = []
        self._sandbox = sandbox
        sandbox.faults._cleared = self  # type: ignore[assignment]

    def wait(self, seconds: float) -> bool:
        """Note a wait; the faults are not removed."""
        self.noted.append((seconds, len(self._sandbox.events())))
        return False

    def set(self) -> None:
        """The faults are removed: nothing waits for it."""


@pytest.mark.parametrize(
    "expected",
    [
        Expected(kind="http_400", status=400, start=b"Bad Request"),
        Expected(kind="http_500", status=500, start=b"Internal"),
        Expected(kind="http_503_html", status=503, start=b"<!doctype html>"),
        Expected(kind="html_200", status=200, start=b"<!doctype html>"),
        Expected(kind="empty_202", status=202, start=b""),
        Expected(kind="rate_limit_429", status=429, start=b"", retry_after="1"),
        Expected(kind="rate_limit_429", status=429, start=b"", cue={"value": 7}, retry_after="7"),
        Expected(kind="malformed_xml", status=200, start=b"<?xml", recorded=True),
    ],
    ids=lambda expected: expected.kind,
)
def test_an_injected_reply_comes_once(sfmc: Sandbox, caller: Caller, expected: Expected) -> None:
    assert caller.cue(expected.kind, **(expected.cue or {})).status_code == 201
    answer = caller.post(CALL)
    assert answer.status_code == expected.status
    assert answer.content.startswith(expected.start)
    assert answer.headers.get("Retry-After") == expected.retry_after
    assert bool(sfmc.events()) is expected.recorded
    assert caller.unsub(**ADA).code == (401 if expected.recorded else None)


def test_a_truncated_reply_is_no_xml(caller: Caller) -> None:
    caller.cue("malformed_xml")
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(caller.post(CALL).content)


@pytest.mark.parametrize("kind", sorted(API_FAULTS))
def test_an_injected_api_fault_has_its_code(sfmc: Sandbox, caller: Caller, kind: str) -> None:
    caller.cue(kind)
    answer = caller.post(CALL)
    assert fault(answer)[0::2] == ("soap:Server", int(kind.removeprefix("fault_")))
    assert not sfmc.events()
    assert caller.unsub(**ADA).status == "OK"


@pytest.mark.parametrize(("kind", "recorded"), [("drop_before", 0), ("drop_after_record", 1)])
def test_a_dropped_call_gets_no_reply(
    sfmc: Sandbox, caller: Caller, kind: str, recorded: int
) -> None:
    assert caller.token
    caller.cue(kind)
    with pytest.raises(requests.ConnectionError):
        caller.post(CALL)
    assert len(sfmc.events()) == recorded
    assert caller.unsub(**ADA).code == (401 if recorded else None)


def test_latency_delays_the_call_and_then_performs_it(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.token
    delays = Delays(sfmc)
    sfmc.cue("latency", value=0.3)
    assert caller.unsub(**ADA).status == "OK"
    assert delays.noted == [(0.3, 0)]
    assert len(sfmc.events()) == 1


def test_a_call_that_its_caller_gave_up_on_is_recorded(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.token
    # As long as the test needs to give up, however busy the machine is.
    sfmc.cue("latency", value=3600)
    with pytest.raises(requests.Timeout):
        caller.post(CALL, timeout=0.1)
    assert eventually(lambda: not sfmc.faults.listing())
    sfmc.clear()
    assert eventually(sfmc.events)
    assert len(sfmc.events()) == 1


def test_latency_ends_when_the_sandbox_closes() -> None:
    before = threading.active_count()
    sandbox = Sandbox()
    sandbox.cue("latency", value=3600)
    with Caller(sandbox.url) as caller:
        assert caller.token
        with pytest.raises(requests.Timeout):
            caller.post(CALL, timeout=0.1)
    sandbox.close()
    assert eventually(lambda: threading.active_count() <= before)


def test_latency_ends_when_all_faults_are_removed(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.token
    sfmc.cue("latency", value=120)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(caller.unsub, **ADA)
        assert eventually(lambda: not sfmc.faults.listing())
        assert not sfmc.events()
        sfmc.clear()
        assert call.result(timeout=30).status == "OK"


def test_an_expired_token_stays_expired_and_a_new_one_works(caller: Caller) -> None:
    old = caller.token
    caller.cue("token_expired")
    assert fault(caller.post(CALL))[:2] == ("q0:Security", "Token Expired")
    assert fault(caller.post(CALL))[:2] == ("q0:Security", "Token Expired")
    with Caller(caller.url) as fresh:
        assert fresh.token != old
        assert fresh.unsub(**ADA).status == "OK"


def test_short_results_omit_the_last_result(sfmc: Sandbox, caller: Caller) -> None:
    caller.cue("short_results")
    other = request({"SubscriberID": "1002", "JobID": "88002"})
    answer = caller.post(execute_call(request(ADA), other))
    assert len(results(answer)) == 1
    assert len(sfmc.events()) == 2


def test_the_second_request_fails_when_injected(sfmc: Sandbox, caller: Caller) -> None:
    caller.cue("fail_second")
    assert caller.unsub(SubscriberID="1004", JobID="88002").status == "OK"
    calls = [request({"SubscriberID": str(1001 + n), "JobID": "88002"}) for n in range(3)]
    answer = caller.post(execute_call(*calls))
    assert overall(answer) == "Has Errors"
    assert [said.code for said in results(answer)] == [None, 12008, None]
    assert [event["subscriber_id"] for event in sfmc.events()] == [1004, 1001, 1003]


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"), [("token_500", 500, None), ("token_429", 429, "3")]
)
def test_the_token_endpoint_fails_when_injected(
    caller: Caller, kind: str, status: int, retry_after: str | None
) -> None:
    caller.cue(kind, value=3)
    answer = caller.ask_token()
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == retry_after
    assert caller.ask_token().status_code == 200


def test_revoked_credentials_are_refused_until_cleared(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.token
    caller.cue("revoke_credentials")
    for _ in range(2):
        assert caller.ask_token().json()["error"] == "invalid_client"
        assert fault(caller.post(CALL))[:2] == ("q0:Security", "Login Failed")
        assert fault(caller.post(CALL, header=user("sandbox", "sandbox")))[1] == "Login Failed"
    assert not sfmc.events()
    assert caller.http.delete(f"{caller.url}faults", timeout=10).json() == []
    assert caller.unsub(**ADA).status == "OK"


@pytest.mark.parametrize(
    ("kind", "status"), [("fault_9", "InMaintenance"), ("fault_10", "UnplannedOutage")]
)
def test_the_system_status_shows_an_outage_without_counting_it(
    sfmc: Sandbox, caller: Caller, kind: str, status: str
) -> None:
    def system_status() -> str | None:
        answer = caller.post(STATUS_CALL, action="GetSystemStatus")
        return etree.fromstring(answer.content).findtext(f".//{API}SystemStatus")

    sfmc.cue(kind, times=1)
    assert [system_status(), system_status()] == [status, status]
    assert fault(caller.post(CALL))[0] == "soap:Server"
    assert system_status() == "OK"


def test_a_fault_for_one_unit_does_not_affect_the_other(sfmc: Sandbox, caller: Caller) -> None:
    sfmc.cue("fault_17", times=None, mid=CHILD)
    assert caller.unsub(**ADA).status == "OK"
    child = execute_call(request({"SubscriberID": "1001", "JobID": "88101"}, mid=CHILD))
    assert fault(caller.post(child))[2] == 17
    sfmc.clear()
    assert results(caller.post(child))[0].status == "OK"


def test_faults_are_listed_with_their_remaining_counts(caller: Caller) -> None:
    caller.cue("http_500", times=2, after=1)
    caller.post(CALL)
    assert caller.get("faults")[0]["after"] == 0
    caller.post(CALL)
    (left,) = caller.get("faults")
    assert (left["kind"], left["times"]) == ("http_500", 1)


JOIN = on_list(7004, "Active", "create")
OTHERS = {
    "Retrieve": retrieve_call("List", "ID"),
    "Describe": describe_call("Subscriber"),
    "Update": update_call(subscriber("ada-1001", JOIN)),
    "Create": create_call(
        '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>new-link'
        "</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ada@example.com"
        "</EmailAddress><SubscriberKey>ada-1001</SubscriberKey></Subscribers></Objects>"
    ),
}


@pytest.mark.parametrize("operation", OTHERS)
def test_a_fault_for_one_operation_does_not_affect_the_others(
    sfmc: Sandbox, caller: Caller, operation: str
) -> None:
    sfmc.cue("http_500", operation=operation)
    assert caller.unsub(**ADA).status == "OK"
    for name, call in OTHERS.items():
        assert caller.post(call, action=name).status_code == (500 if name == operation else 200)
    assert caller.get("faults") == []


def test_a_fault_for_one_object_type_does_not_affect_the_others(
    sfmc: Sandbox, caller: Caller
) -> None:
    assert caller.token
    delays = Delays(sfmc)
    caller.cue("latency", times=None, value=0.3, operation="Retrieve:List")
    caller.retrieve("Subscriber", "ID", where=("ID", "1001"))
    caller.places("ada-1001")
    assert delays.noted == []
    caller.retrieve("List", "ID")
    assert delays.noted == [(0.3, 0)]
    assert caller.get("faults")[0]["operation"] == "Retrieve:List"


@pytest.mark.parametrize("operation", OTHERS)
@pytest.mark.parametrize("kind", ["fault_2", "token_expired", "malformed_xml", "drop_after_record"])
def test_faults_apply_to_every_operation(
    sfmc: Sandbox, caller: Caller, operation: str, kind: str
) -> None:
    assert caller.token
    sfmc.cue(kind, operation=operation)
    if kind == "drop_after_record":
        with pytest.raises(requests.ConnectionError):
            caller.post(OTHERS[operation], action=operation)
    elif kind == "malformed_xml":
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(caller.post(OTHERS[operation], action=operation).content)
    else:
        assert fault(caller.post(OTHERS[operation], action=operation))
    happened = kind in {"drop_after_record", "malformed_xml"}
    assert bool(sfmc.updates()) is (happened and operation == "Update")
    assert bool(sfmc.mails()) is (happened and operation == "Create")


@pytest.mark.parametrize("operation", ["Update", "Create"])
def test_a_result_can_be_omitted_from_every_writing_operation(
    sfmc: Sandbox, caller: Caller, operation: str
) -> None:
    sfmc.cue("short_results", operation=operation)
    assert not results(caller.post(OTHERS[operation], action=operation))
    assert len(sfmc.updates() + sfmc.mails()) == 1


@pytest.mark.parametrize(("kind", "code"), [("resubscribe_12018", 12018), ("no_permission", 11)])
@pytest.mark.parametrize(
    ("inside", "met"),
    [
        (JOIN, True),
        (on_list(7004, action="create"), True),
        (on_list(7001, "Active", "update"), True),
        ("<Status>Active</Status>", True),
        ("<Status>Unsubscribed</Status>", False),
        (on_list(7001, "Unsubscribed", "update"), False),
        (on_list(7001, "Active", "delete"), False),
        ("<EmailTypePreference>Text</EmailTypePreference>", False),
    ],
)
def test_setting_active_is_refused_when_injected(
    sfmc: Sandbox, caller: Caller, kind: str, code: int, inside: str, met: bool
) -> None:
    before = sfmc.person(1001)
    sfmc.cue(kind)
    (said,) = caller.update(subscriber("ada-1001", inside))
    assert (said.status, said.code) == (("Error", code) if met else ("OK", None))
    if met:
        assert sfmc.person(1001) == before
        assert caller.get("calls.json")["faults"] == {kind: 1}
    assert len(caller.get("faults")) == (0 if met else 1)


def test_any_update_is_refused_when_injected_one_at_a_time(sfmc: Sandbox, caller: Caller) -> None:
    sfmc.cue("update_refused", after=1)
    text = "<EmailTypePreference>Text</EmailTypePreference>"
    said = caller.update(*(subscriber(key, text) for key in ("ada-1001", "grace-1002")))
    assert [(x.status, x.code) for x in said] == [("OK", None), ("Error", None)]
    assert sfmc.person(1002)["email_type"] == "HTML"
    assert caller.update(subscriber("grace-1002", text))[0].status == "OK"


@pytest.mark.parametrize("code", [400, 405, 406, 407])
def test_an_unsubscribe_is_refused_when_injected(sfmc: Sandbox, caller: Caller, code: int) -> None:
    both = ADA | {"SubscriberKey": "ada-1001"}
    sfmc.cue(f"refuse_{code}", after=1)
    said = results(caller.post(execute_call(request(both | {"JobID": "88001"}), request(both))))
    assert [(one.status, one.code) for one in said] == [("OK", None), ("Error", code)]
    assert caller.get("calls.json")["faults"] == {f"refuse_{code}": 1}
    assert len(sfmc.events()) == 1


@pytest.mark.parametrize(("code", "met"), [(400, True), (405, False), (406, False), (407, False)])
def test_identifiers_contradict_each_other_only_where_there_are_several(
    sfmc: Sandbox, caller: Caller, code: int, met: bool
) -> None:
    sfmc.cue(f"refuse_{code}")
    (said,) = results(caller.post(CALL))
    assert (said.status, said.code) == (("Error", code) if met else ("OK", None))


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        "nonsense",
        '{"kind": "earthquake"}',
        '{"kind": ["http_500"]}',
        '{"kind": "http_500", "times": -1}',
        '{"kind": "http_500", "times": 1.5}',
        '{"kind": "http_500", "seconds": "long"}',
        '{"kind": "http_500", "after": null}',
        '{"kind": "http_500", "count": 1}',
        '{"kind": "http_500", "mid": true}',
        '{"kind": "http_500", "operation": "Dance"}',
        '{"kind": "http_500", "operation": 7}',
        '{"kind": "token_500", "operation": "Update"}',
    ],
)
def test_an_invalid_fault_is_refused(caller: Caller, body: str) -> None:
    answer = caller.http.post(f"{caller.url}faults", data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert caller.get("faults") == []


def test_an_unknown_kind_is_refused_in_python_too(sfmc: Sandbox) -> None:
    with pytest.raises(CueError, match="unknown kind"):
        sfmc.cue("earthquake")


@pytest.mark.parametrize(
    ("data", "times"),
    [
        ({"kind": "http_500"}, 1),
        ({"kind": "http_500", "times": None}, None),
        ({"kind": "http_500", "times": 3}, 3),
        ({"kind": "http_500", "seconds": 5}, None),
        ({"kind": "http_500", "seconds": 5, "times": 2}, 2),
        ({"kind": "revoke_credentials"}, None),
    ],
)
def test_a_fault_happens_once_by_default(data: dict[str, object], times: int | None) -> None:
    assert Cue.from_json(data).times == times


def test_a_fault_starts_after_its_count_and_ends_after_its_seconds() -> None:
    now = [100.0]
    cues = Faults(clock=lambda: now[0])
    cues.add(Cue(kind="http_500", times=None, seconds=10, after=2))
    taken = [cues.take({"http_500"}, {PARENT}) is not None for _ in range(4)]
    assert taken == [False, False, True, True]
    now[0] += 10
    assert cues.take({"http_500"}, {PARENT}) is None
    assert cues.listing() == []


def test_the_first_of_two_faults_comes_first() -> None:
    cues = Faults()
    cues.add(Cue(kind="http_500"))
    cues.add(Cue(kind="html_200"))
    kinds = {"http_500", "html_200"}
    taken = [cues.take(kinds) for _ in range(3)]
    assert [cue and cue.kind for cue in taken] == ["http_500", "html_200", None]
