"""Every call classifies failures in the same way."""

import pytest

from tests.sfmc.calls import CALLS, Call, create, describe, execute, retrieve, update
from tests.sfmc.conftest import request
from tests.sfmc.replies import created, described, result, rows, updated
from tests.sfmc.vendor import OK, TOKEN, Vendor, fault, reply, reset, token
from tests.stand_in import Answer
from unsub.sfmc import (
    InMaintenanceError,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SfmcError,
    TransientError,
    UnknownOutcomeError,
)
from unsub.sfmc.auth import UsernameToken
from unsub.sfmc.client import Client

HTML = b"<!doctype html><html><body>Service Unavailable</body></html>"
EXPIRED = Answer(body=fault(faultcode="q0:Security", words="Token Expired"), status=500)
GOOD: dict[Call, bytes] = {
    retrieve: rows(),
    describe: described(),
    update: updated(result("UpdateResult") * 2),
    create: created(result("TriggeredSendCreateResult")),
}


@pytest.mark.parametrize(
    ("answer", "error"),
    {
        "HTML 503": (Answer(body=HTML, status=503, kind="text/html"), UnknownOutcomeError),
        "HTML 200": (Answer(body=HTML), UnknownOutcomeError),
        "empty 202": (Answer(status=202), UnknownOutcomeError),
        "reset": (Answer(act=reset), UnknownOutcomeError),
        "not authorised": (Answer(body=fault(11), status=500), MisconfiguredError),
        "maintenance": (Answer(body=fault(9), status=500), InMaintenanceError),
        "rate limited": (Answer(body=fault(17), status=500), RateLimitedError),
        "unsupported": (Answer(body=fault(8), status=500), PermanentError),
        "429": (Answer(status=429, kind="text/plain"), RateLimitedError),
        "Bad Request": (
            Answer(body=b"Bad Request", status=400, kind="text/plain"), PermanentError,
        ),
    }.values(),
)  # fmt: skip
@pytest.mark.parametrize("call", CALLS)
def test_a_failure_raises_the_same_error_in_every_call(
    client: Client, vendor: Vendor, call: Call, answer: Answer, error: type[SfmcError]
) -> None:
    vendor.answers(answer)
    with pytest.raises(error) as caught:
        call(client)
    assert type(caught.value) is error
    assert len(vendor.messages) == 1


@pytest.mark.parametrize("call", GOOD)
def test_the_reply_to_another_call_is_refused(client: Client, vendor: Vendor, call: Call) -> None:
    for other, body in [*GOOD.items(), (None, reply())]:
        if other is not call:
            vendor.answers(Answer(body=body))
            with pytest.raises(UnknownOutcomeError):
                call(client)


@pytest.mark.parametrize("call", GOOD)
def test_an_expired_token_costs_one_more_message(
    client: Client, vendor: Vendor, call: Call
) -> None:
    vendor.answers(EXPIRED, Answer(body=GOOD[call]))
    vendor.tokens.append(token("fresh"))
    call(client)
    first, second = vendor.messages
    assert TOKEN.encode() in first
    assert b"fresh" in second


@pytest.mark.parametrize("call", GOOD)
def test_a_second_expired_token_ends_the_call(client: Client, vendor: Vendor, call: Call) -> None:
    vendor.answers(EXPIRED)
    vendor.tokens.append(token("fresh"))
    with pytest.raises(TransientError):
        call(client)
    assert len(vendor.messages) == 2


NO_RIGHT: dict[Call, bytes] = {
    execute: reply("", status="Error: API Permission Failed"),
    retrieve: rows(status="Error: API Permission Failed."),
    update: updated(status="Error: API Permission Failed"),
    create: created(status="Error: API permission failed. Contact support"),
}


@pytest.mark.parametrize("call", NO_RIGHT)
def test_a_reply_that_names_a_missing_right_instead_of_results_is_misconfigured(
    client: Client, vendor: Vendor, call: Call
) -> None:
    vendor.answers(Answer(body=NO_RIGHT[call]))
    with pytest.raises(MisconfiguredError) as caught:
        call(client)
    assert caught.value.is_no_right
    assert str(caught.value).startswith("no right for ")


@pytest.mark.parametrize(
    "words",
    [
        "User Not Authorized",
        "The user is not authorized to perform this action.",
        "not authorised for the API",
        "Unauthorized",
        "You do not have the required permissions",
        "API Permission Failed",
        "Access denied",
        "Insufficient privileges for Execute",
    ],
)
@pytest.mark.parametrize("faultcode", ["soap:Client", "soap:Server"])
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_without_a_code_that_says_not_authorized_is_a_missing_right(
    client: Client, vendor: Vendor, call: Call, faultcode: str, words: str
) -> None:
    vendor.answers(Answer(body=fault(faultcode=faultcode, words=words), status=500))
    with pytest.raises(MisconfiguredError) as caught:
        call(client)
    assert caught.value.is_no_right


@pytest.mark.parametrize("code", [5, 6, 8, 9, 13])
def test_a_code_counts_more_than_the_words(client: Client, vendor: Vendor, code: int) -> None:
    vendor.answers(Answer(body=fault(code, words="User Not Authorized"), status=500))
    with pytest.raises(SfmcError) as caught:
        execute(client)
    assert not isinstance(caught.value, MisconfiguredError)


@pytest.mark.parametrize(
    "words",
    ["Object reference not set to an instance of an object.", "Bad parameter: author", "x"],
)
def test_other_client_faults_are_about_the_message(
    client: Client, vendor: Vendor, words: str
) -> None:
    vendor.answers(Answer(body=fault(faultcode="soap:Client", words=words), status=500))
    with pytest.raises(PermanentError):
        execute(client)


@pytest.mark.parametrize("words", ["Token Expired", "Token expired.", "TOKEN EXPIRED"])
def test_an_expired_token_is_known_in_any_letter_case(
    client: Client, vendor: Vendor, words: str
) -> None:
    expired = Answer(body=fault(faultcode="q0:Security", words=words), status=500)
    vendor.answers(expired, Answer(body=reply(OK + OK)))
    vendor.tokens.append(token("fresh"))
    execute(client)
    assert len(vendor.messages) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"Bad Request", status=400, kind="text/plain"),
        Answer(body=HTML, status=400, kind="text/html"),
        Answer(status=400, kind=""),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_http_400_for_user_name_and_password_is_misconfigured(
    vendor: Vendor, call: Call, answer: Answer
) -> None:
    auth = UsernameToken(username="api-user", password="pass-word")
    client = Client(auth=auth, soap_url=vendor.url, timeout=30.0)
    vendor.answers(answer)
    with pytest.raises(MisconfiguredError) as caught:
        call(client)
    # The login concerns every kind of call.
    assert not caught.value.is_no_right


@pytest.mark.parametrize(
    "before", [b"\n", b"\r\n \t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b"\n\xef\xbb\xbf\n"]
)
def test_blanks_and_a_byte_order_mark_before_the_xml_are_ignored(
    client: Client, vendor: Vendor, before: bytes
) -> None:
    vendor.answers(Answer(body=before + reply(OK + OK)))
    assert execute(client)
    vendor.answers(Answer(body=before + fault(9), status=500))
    with pytest.raises(InMaintenanceError):
        execute(client)


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("2147483648", 2147483648), ("-2147483649", -2147483649), (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None), ("9" * 30, None),
    ],
)  # fmt: skip
def test_an_error_code_is_kept_where_a_database_can_store_it(
    client: Client, vendor: Vendor, code: str, read: int | None
) -> None:
    error = f"<Results><StatusCode>Error</StatusCode><ErrorCode>{code}</ErrorCode></Results>"
    vendor.answers(Answer(body=reply(error + OK)))
    answer = client.execute([request(), request(1002)])
    assert [result.error_code for result in answer.results] == [read, None]
