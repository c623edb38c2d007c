"""Execute and GetSystemStatus: messages sent, replies read, and the error for each failure."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import zeep
from lxml import etree

from tests.sfmc.conftest import NewAuth, request
from tests.sfmc.vendor import (
    GUID,
    OK,
    TOKEN,
    Vendor,
    cut,
    drip,
    fault,
    hang,
    reply,
    reset,
    system_status,
)
from tests.stand_in import Answer, Handler
from unsub.sfmc import (
    InMaintenanceError,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SfmcError,
    SystemStatus,
    TokenExpiredError,
    TransientError,
    UnknownOutcomeError,
)
from unsub.sfmc.auth import UsernameToken
from unsub.sfmc.client import WSDL, Client
from unsub.sfmc.messages import ExecuteRequest
from unsub.sfmc.ready import ReadyRequest

BINDING = "{http://exacttarget.com/wsdl/partnerAPI}SoapBinding"
API = "{http://exacttarget.com/wsdl/partnerAPI}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
HTML = b"<!doctype html><html><body>Service Unavailable</body></html>"
SHORT = 3.0  # seconds; long enough for a busy machine to send a message
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'


def test_a_real_success_is_read_with_its_request_id(client: Client) -> None:
    answer = client.execute([request()])
    assert (answer.overall_status, answer.request_id) == ("OK", GUID)
    (result,) = answer.results
    assert (result.status_code, result.status_message) == ("OK", "Event posted")
    assert (result.error_code, result.ordinal_id) == (None, None)


def test_the_message_is_as_the_vendor_documents_it(client: Client, vendor: Vendor) -> None:
    client.execute([request(mid=510002, reason="too much & <b> 😀"), request(1002)])
    (body,) = vendor.messages
    root = etree.fromstring(body)
    assert root.findtext(f"{SOAP}Header/{{http://exacttarget.com}}fueloauth") == TOKEN
    first, second = root.findall(f"{SOAP}Body/{API}ExecuteRequestMsg/{API}Requests")
    assert [etree.QName(child).localname for child in first][:3] == ["Client", "Name", "Parameters"]
    assert first.findtext(f"{API}Client/{API}ID") == "510002"
    assert first.findtext(f"{API}Name") == "LogUnsubEvent"
    pairs = [
        (p.findtext(f"{API}Name"), p.findtext(f"{API}Value"))
        for p in first.iter(f"{API}Parameters")
    ]
    assert pairs[0] == ("SubscriberID", "1001")
    assert pairs[-1] == ("Reason", "too much & <b> 😀")
    assert second.find(f"{API}Client") is None
    assert vendor.headers[0]["SOAPAction"] == '"Execute"'
    assert vendor.headers[0]["Content-Type"].startswith("text/xml")


@pytest.mark.parametrize("mid", [None, 510002])
@pytest.mark.parametrize(
    "text", ["Weekly", "", " a  b ", "a & <b> ]]> \"'", "\t\n\r", "😀 ä\u2028"]
)
def test_requests_are_written_as_zeep_writes_them(text: str, mid: int | None) -> None:
    client = zeep.Client(str(WSDL))  # type: ignore[no-untyped-call]
    service = client.create_service(BINDING, "http://127.0.0.1/")  # type: ignore[no-untyped-call]
    requests = [
        ExecuteRequest(name="LogUnsubEvent", parameters=pairs, client_mid=mid)
        for pairs in ((("SubscriberID", "1001"), ("Reason", text)), (("SubscriberKey", text),))
    ]
    theirs, ours = (
        etree.tostring(client.create_message(service, "Execute", Requests=elements))  # type: ignore[no-untyped-call]
        for elements in (
            [one.as_element() for one in requests],
            [ReadyRequest(one) for one in requests],
        )
    )
    assert ours == theirs


def test_results_keep_code_ordinal_and_order(client: Client, vendor: Vendor) -> None:
    error = (
        "<Results><StatusCode>Error</StatusCode><StatusMessage>m</StatusMessage>"
        "<OrdinalID>1</OrdinalID><ErrorCode>401</ErrorCode></Results>"
    )
    vendor.answers(Answer(body=reply(OK + error, status="Has Errors")))
    answer = client.execute([request(), request(1002)])
    assert [result.error_code for result in answer.results] == [None, 401]
    assert answer.results[1].ordinal_id == 1
    assert answer.overall_status == "Has Errors"


def test_no_handler_is_a_reply_without_results(client: Client, vendor: Vendor) -> None:
    vendor.answers(Answer(body=reply("", status="Error: Unable to find a handler")))
    answer = client.execute([request()])
    assert answer.results == ()
    assert answer.overall_status.startswith("Error:")


def test_elements_added_by_the_vendor_are_ignored(client: Client, vendor: Vendor) -> None:
    more = OK.replace("</Results>", "<Fresh>1</Fresh></Results>") + "<Whatever>x</Whatever>"
    vendor.answers(Answer(body=reply(more)))
    assert client.execute([request()]).results[0].status_code == "OK"


def of_type(name: str, kind: str, text: str) -> bytes:
    """Return a reply in which an element says of itself that it is of another type."""
    spaces = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    spaces += ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    element = f'<{name} {spaces} i:type="xs:{kind}">{text}</{name}>'
    return reply(f"<Results>{element}<StatusCode>Error</StatusCode></Results>")


@pytest.mark.parametrize(("kind", "text"), [("decimal", "7"), ("float", "7"), ("boolean", "true")])
def test_an_error_code_of_another_type_is_none(
    client: Client, vendor: Vendor, kind: str, text: str
) -> None:
    vendor.answers(Answer(body=of_type("ErrorCode", kind, text)))
    assert client.execute([request()]).results[0].error_code is None


@pytest.mark.parametrize("text", ["x", "NaN", "1e999999999"])
def test_a_value_that_its_type_cannot_have_is_an_unknown_outcome_or_none(
    client: Client, vendor: Vendor, text: str
) -> None:
    vendor.answers(Answer(body=of_type("ErrorCode", "decimal", text)))
    try:
        found = client.execute([request()]).results[0].error_code
    except UnknownOutcomeError:
        found = None
    assert found is None


@pytest.mark.parametrize("code", ["", "many"])
def test_an_error_code_that_is_no_number_is_none(client: Client, vendor: Vendor, code: str) -> None:
    error = f"<Results><StatusCode>Error</StatusCode><ErrorCode>{code}</ErrorCode></Results>"
    vendor.answers(Answer(body=reply(error)))
    (result,) = client.execute([request()]).results
    assert (result.status_code, result.error_code) == ("Error", None)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (2, UnknownOutcomeError),
        (5, PermanentError),
        (6, PermanentError),
        (8, PermanentError),
        (9, InMaintenanceError),
        (10, TransientError),
        (11, MisconfiguredError),
        (12, MisconfiguredError),
        (13, TransientError),
        (17, RateLimitedError),
        (99, UnknownOutcomeError),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_fault_is_read_by_its_code(
    client: Client, vendor: Vendor, code: int, error: type[SfmcError], status: int
) -> None:
    vendor.answers(Answer(body=fault(code, words="Token Expired"), status=status))
    with pytest.raises(error) as caught:
        client.execute([request()])
    assert type(caught.value) is error
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["apifault", "APIFault"])
def test_a_fault_is_read_in_whatever_namespace(client: Client, vendor: Vendor, name: str) -> None:
    body = fault(9).replace(b"ns1:apifault", f"x:{name}".encode()).replace(b"ns1:", b"x:")
    vendor.answers(Answer(body=body.replace(b"xmlns:ns1", b"xmlns:x"), status=500))
    with pytest.raises(InMaintenanceError):
        client.execute([request()])


@pytest.mark.parametrize(
    ("faultcode", "words", "error"),
    [
        ("q0:Security", "Login Failed", MisconfiguredError),
        ("q0:Security", "Something new", MisconfiguredError),
        ("soap:Client", "Object reference not set", PermanentError),
        ("soap:MustUnderstand", "x", PermanentError),
        ("soap:Server", "x", UnknownOutcomeError),
        ("", "", UnknownOutcomeError),
    ],
)
def test_a_fault_without_a_code_is_read_by_its_faultcode(
    client: Client, vendor: Vendor, faultcode: str, words: str, error: type[SfmcError]
) -> None:
    vendor.answers(Answer(body=fault(faultcode=faultcode, words=words), status=500))
    with pytest.raises(error) as caught:
        client.execute([request()])
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("answer", "error"),
    {
        "HTML 503": (Answer(body=HTML, status=503, kind="text/html"), UnknownOutcomeError),
        "HTML 200": (Answer(body=HTML, kind="text/html"), UnknownOutcomeError),
        "HTML said to be XML": (Answer(body=HTML), UnknownOutcomeError),
        "empty 202": (Answer(status=202), UnknownOutcomeError),
        "empty 200": (Answer(), UnknownOutcomeError),
        "cut XML": (Answer(body=reply()[:-60]), UnknownOutcomeError),
        "cut in the middle": (Answer(act=cut), UnknownOutcomeError),
        "another document": (Answer(body=b"<x/>"), UnknownOutcomeError),
        "another message": (Answer(body=system_status("OK")), UnknownOutcomeError),
        "an entity bomb": (Answer(body=BOMB), UnknownOutcomeError),
        "a huge reply": (Answer(body=b" " * (6 * 2**20)), UnknownOutcomeError),
        "502": (Answer(status=502, kind=""), UnknownOutcomeError),
        "504": (Answer(status=504, kind="text/plain"), UnknownOutcomeError),
        "500 with XML and no fault": (Answer(body=reply(), status=500), UnknownOutcomeError),
        "reset": (Answer(act=reset), UnknownOutcomeError),
        "408": (Answer(status=408, kind="text/plain"), UnknownOutcomeError),
        "Bad Request": (
            Answer(body=b"Bad Request", status=400, kind="text/plain"), PermanentError,
        ),
        "401": (Answer(status=401, kind="text/plain"), MisconfiguredError),
        "403": (Answer(body=HTML, status=403, kind="text/html"), MisconfiguredError),
        "404": (Answer(status=404, kind="text/html"), MisconfiguredError),
        "a redirect": (
            Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}), MisconfiguredError,
        ),
        "429": (Answer(status=429, kind="text/plain"), RateLimitedError),
    }.values(),
)  # fmt: skip
def test_every_other_reply_raises_its_error(
    client: Client, vendor: Vendor, answer: Answer, error: type[SfmcError]
) -> None:
    vendor.answers(answer)
    with pytest.raises(error) as caught:
        client.execute([request()])
    assert type(caught.value) is error
    assert len(vendor.messages) == 1


@pytest.mark.parametrize("act", [hang, drip])
def test_a_reply_that_is_not_complete_in_time_is_an_unknown_outcome(
    new_auth: NewAuth, vendor: Vendor, act: Callable[[Handler], bool]
) -> None:
    client = Client(auth=new_auth(), soap_url=vendor.url, timeout=SHORT)
    vendor.answers(Answer(act=act))
    with pytest.raises(UnknownOutcomeError):
        client.execute([request()])
    assert len(vendor.messages) == 1


def in_seconds(seconds: int) -> str:
    """Return that moment as HTTP writes it; told when the test runs, not when it is collected."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (lambda: "7", 7, 7),
        (lambda: in_seconds(900), 600, 900),
        (lambda: in_seconds(-90), 0, 0),
    ],
    ids=["seconds", "a date to come", "a date gone by"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_as_seconds_or_a_date(
    client: Client,
    vendor: Vendor,
    value: Callable[[], str],
    least: float,
    most: float,
    status: int,
) -> None:
    vendor.answers(Answer(status=status, kind="text/plain", headers={"Retry-After": value()}))
    with pytest.raises(SfmcError) as caught:
        client.execute([request()])
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after <= most


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "1e9", f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}"]
)
def test_an_unusable_retry_after_is_none(client: Client, vendor: Vendor, value: str) -> None:
    vendor.answers(Answer(status=429, kind="text/plain", headers={"Retry-After": value}))
    with pytest.raises(RateLimitedError) as caught:
        client.execute([request()])
    assert caught.value.retry_after is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid"])
def test_a_call_that_was_not_sent_raises_transient_error(
    new_auth: NewAuth, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    resolve = socket.getaddrinfo

    def resolved(host: Any, *more: Any, **options: Any) -> Any:
        # As a resolver does; that of the machine may take its time, or know every name.
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    client = Client(auth=new_auth(), soap_url=url, timeout=30.0)
    with pytest.raises(TransientError) as caught:
        client.execute([request()])
    assert not isinstance(caught.value, UnknownOutcomeError)


def test_an_invalid_address_raises_misconfigured_error(new_auth: NewAuth) -> None:
    client = Client(auth=new_auth(), soap_url="nonsense", timeout=30.0)
    with pytest.raises(MisconfiguredError):
        client.execute([request()])


def test_a_connection_closed_while_idle_is_an_unknown_outcome(
    client: Client, vendor: Vendor
) -> None:
    client.execute([request()])
    vendor.answers(Answer(act=reset), Answer(body=reply()))
    with pytest.raises(UnknownOutcomeError):
        client.execute([request()])
    assert client.execute([request()]).overall_status == "OK"


def test_an_expired_token_is_replaced_and_the_call_repeated(client: Client, vendor: Vendor) -> None:
    expired = Answer(body=fault(faultcode="q0:Security", words="Token Expired"), status=500)
    vendor.answers(expired, Answer(body=reply()))
    vendor.tokens.append(vendor.tokens[0])
    from_other = vendor.tokens[0]
    vendor.tokens.clear()
    vendor.tokens.extend(
        [
            from_other,
            Answer(body=from_other.body.replace(TOKEN.encode(), b"fresh"), kind="application/json"),
        ]
    )
    assert client.execute([request()]).overall_status == "OK"
    assert len(vendor.messages) == 2
    assert b"fresh" in vendor.messages[1]


def test_a_token_that_expired_twice_raises_token_expired(client: Client, vendor: Vendor) -> None:
    vendor.answers(Answer(body=fault(faultcode="q0:Security", words="Token Expired"), status=500))
    vendor.tokens.append(vendor.tokens[0])
    with pytest.raises(TransientError) as caught:
        client.execute([request()])
    assert type(caught.value) in {TokenExpiredError, TransientError}
    assert len(vendor.messages) <= 2


def test_a_user_name_is_sent_in_the_security_header(vendor: Vendor) -> None:
    auth = UsernameToken(username="api-user", password="pass-word")
    client = Client(auth=auth, soap_url=f"{vendor.url}/Service.asmx", timeout=30.0)
    client.execute([request()])
    assert b"UsernameToken" in vendor.messages[0]
    assert b"#PasswordText" in vendor.messages[0]
    assert not vendor.token_requests


def test_the_soap_address_comes_from_the_token_without_a_setting(
    vendor: Vendor, new_auth: NewAuth
) -> None:
    client = Client(auth=new_auth(), soap_url=None, timeout=30.0)
    with pytest.raises(MisconfiguredError, match="SOAP address"):
        client.execute([request()])
    first = vendor.tokens[0]
    body = first.body.replace(
        b'"soap_instance_url": ""', f'"soap_instance_url": "{vendor.url}/"'.encode()
    )
    vendor.tokens[0] = Answer(body=body, kind=first.kind)
    client = Client(auth=new_auth(), soap_url=None, timeout=30.0)
    assert client.execute([request()]).overall_status == "OK"


@pytest.mark.parametrize("status", list(SystemStatus))
def test_the_system_status_is_read_among_other_elements(
    client: Client, vendor: Vendor, status: SystemStatus
) -> None:
    vendor.answers(Answer(body=system_status(status.value)))
    assert client.system_status() is status


def test_an_unknown_status_is_an_unknown_outcome(client: Client, vendor: Vendor) -> None:
    vendor.answers(Answer(body=system_status("Dancing")))
    with pytest.raises(UnknownOutcomeError):
        client.system_status()


@pytest.mark.parametrize("reason", ["a\x00b", "\ud800", "\x1f", "\ufffe"])
def test_a_request_that_xml_cannot_carry_is_refused_before_it_is_sent(
    client: Client, vendor: Vendor, reason: str
) -> None:
    with pytest.raises(PermanentError):
        client.execute([request(reason=reason)])
    assert not vendor.messages


def test_a_message_without_requests_is_a_value_error(client: Client) -> None:
    with pytest.raises(ValueError, match="needs a request"):
        client.execute([])


def test_one_client_serves_many_threads(new_auth: NewAuth, vendor: Vendor) -> None:
    # A long time-out: the test is about threads, and the machine may be busy.
    client = Client(auth=new_auth(timeout=30.0), soap_url=vendor.url, timeout=30.0)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: client.execute([request(n)]), range(64)))
    assert {answer.overall_status for answer in answers} == {"OK"}
    assert len(vendor.token_requests) == 1
    assert all(message.count(b"fueloauth") == 2 for message in vendor.messages)
