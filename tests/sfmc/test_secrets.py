"""Nothing of a person and no credential in a log, an error or a value's text."""

import logging
import traceback
from collections import deque

import pytest

from tests.sfmc.conftest import KEY, SECRET, NewAuth, request
from tests.sfmc.vendor import TOKEN, Answer, Vendor, fault, reply, reset, token
from unsub.sfmc import Client, SfmcError, UsernameToken

SECRETS = (KEY, SECRET, TOKEN, "pass-word", "WORDS-OF-THEIRS")
ANSWERS = (
    Answer(body=reply()),
    Answer(body=reply("<Results><ErrorCode>WORDS-OF-THEIRS</ErrorCode></Results>")),
    Answer(body=fault(9, words=f"WORDS-OF-THEIRS about {KEY}"), status=500),
    Answer(body=fault(faultcode=f"soap:{KEY}", words="WORDS-OF-THEIRS"), status=500),
    Answer(body=fault(faultcode="q0:Security", words="WORDS-OF-THEIRS"), status=500),
    Answer(body=b"WORDS-OF-THEIRS", status=503, kind="text/html"),
    Answer(body=b"<x>WORDS-OF-THEIRS", status=200),
    Answer(act=reset),
)


@pytest.mark.parametrize("answer", ANSWERS)
def test_nothing_is_told_whatever_the_answer(
    client: Client, vendor: Vendor, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.answers(answer)
    told = ""
    try:
        client.execute([request()])
    except SfmcError as err:
        told = f"{err!s} {err!r} {''.join(traceback.format_exception(err))}"
    for secret in SECRETS:
        assert secret not in caplog.text
        assert secret not in told


def test_a_bad_answer_of_the_token_endpoint_is_not_told_either(
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


def test_values_do_not_show_what_they_hold(new_auth: NewAuth, vendor: Vendor) -> None:
    vendor.tokens = deque([token()])
    auth = new_auth()
    login = auth.login()
    user = UsernameToken(username="api-user", password="pass-word")
    for value in (login, login.token, auth, user, user.login()):
        for secret in SECRETS:
            assert secret not in repr(value)
