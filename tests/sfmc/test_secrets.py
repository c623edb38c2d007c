"""No personal data and no credentials in logs, errors or the repr of values."""

import logging
import traceback
from collections import deque

import pytest

from tests.sfmc.calls import ADDRESS, CALLS, MAIL, PROFILE, UPDATE, Call
from tests.sfmc.conftest import KEY, SECRET, NewAuth, request
from tests.sfmc.replies import (
    attribute,
    created,
    described,
    place,
    result,
    rows,
    subscriber,
    updated,
)
from tests.sfmc.vendor import TOKEN, Vendor, damaged_header, fault, reply, reset, token
from tests.stand_in import Answer
from unsub.sfmc import SfmcError, read_membership, read_profile, read_subscriber_name
from unsub.sfmc.auth import UsernameToken
from unsub.sfmc.client import Client

SECRETS = (KEY, SECRET, TOKEN, "pass-word", "WORDS-OF-THEIRS", ADDRESS, "Sample")
ANSWERS = (
    Answer(body=reply()),
    Answer(body=reply("<Results><ErrorCode>WORDS-OF-THEIRS</ErrorCode></Results>")),
    Answer(body=fault(9, words=f"WORDS-OF-THEIRS about {KEY}"), status=500),
    Answer(body=fault(faultcode=f"soap:{KEY}", words="WORDS-OF-THEIRS"), status=500),
    Answer(body=fault(faultcode="q0:Security", words="WORDS-OF-THEIRS"), status=500),
    Answer(body=b"WORDS-OF-THEIRS", status=503, kind="text/html"),
    Answer(body=b"<x>WORDS-OF-THEIRS", status=200),
    Answer(act=reset),
    Answer(act=damaged_header),
    Answer(body=updated(result("UpdateResult", "Error", f"WORDS-OF-THEIRS about {ADDRESS}"))),
    Answer(body=updated(result("UpdateResult", more="<ErrorCode>WORDS-OF-THEIRS</ErrorCode>"))),
    Answer(body=created(result("WORDS-OF-THEIRS"))),
    Answer(body=described(attribute("x", MaxLength="WORDS-OF-THEIRS"))),
    Answer(body=described(attribute("x", DisplayOrder=KEY))),
)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
def test_no_log_or_error_contains_personal_data_or_credentials(
    client: Client, vendor: Vendor, caplog: pytest.LogCaptureFixture, answer: Answer, call: Call
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.answers(answer)
    told = ""
    try:
        told = repr(call(client))
    except SfmcError as err:
        told = f"{err!s} {err!r} {''.join(traceback.format_exception(err))}"
    for secret in SECRETS:
        assert secret not in caplog.text
        assert secret not in told


def test_no_error_of_the_token_endpoint_contains_credentials(
    new_auth: NewAuth, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in (
        Answer(body=b'{"access_token": "WORDS-OF-THEIRS\\n"}', kind="application/json"),
        Answer(body=b"WORDS-OF-THEIRS", status=401, kind="text/plain"),
        Answer(act=reset),
    ):
        vendor.tokens = deque([answer])
        with pytest.raises(SfmcError) as error:
            new_auth().login()
        told = "".join(traceback.format_exception(error.value))
        for secret in SECRETS:
            assert secret not in caplog.text
            assert secret not in told


def test_the_repr_of_values_shows_no_credentials(new_auth: NewAuth, vendor: Vendor) -> None:
    vendor.tokens = deque([token()])
    auth = new_auth()
    login = auth.login()
    user = UsernameToken(username="api-user", password="pass-word")
    for value in (login, login.token, auth, user, user.login()):
        for secret in SECRETS:
            assert secret not in repr(value)


def test_the_repr_of_values_shows_no_person(client: Client, vendor: Vendor) -> None:
    vendor.answers(
        Answer(body=rows(subscriber(1001, KEY, ADDRESS, ("Name", "Sample")), place(KEY, 7001)))
    )
    person, listed = client.retrieve(PROFILE).rows
    read = (read_profile(person), read_subscriber_name(person), read_membership(listed))
    for value in (*read, UPDATE, MAIL, PROFILE, request()):
        for secret in SECRETS:
            assert secret not in repr(value)
