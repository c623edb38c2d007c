"""Every call classifies failures in the same way."""

import pytest

from tests.sfmc.calls import CALLS, Call, create, describe, retrieve, update
from tests.sfmc.replies import created, described, result, rows, updated
from tests.sfmc.vendor import TOKEN, Vendor, fault, reply, reset, token
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
