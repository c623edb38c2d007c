"""The same call with the same Idempotency-Key is answered once, also by many at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db.models import F
from pytest_django.live_server_helper import LiveServer

from tests.api.conftest import BASE, Caller, MakeKey
from unsub.models import ApiAnswer, BusinessUnit, RequestOrigin, SubscriberRequest
from unsub.outbox import retention

pytestmark = pytest.mark.django_db
ADA: dict[str, Any] = {"subscriber": {"subscriber_id": 1001}, "list_id": 7001, "scope": "list"}
MINA: dict[str, Any] = ADA | {"subscriber": {"subscriber_id": 1002}}


def test_the_same_call_again_gets_the_same_answer(caller: Caller) -> None:
    first = caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    again = caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    assert again.json() == first.json()
    assert (again.status_code, again["Idempotency-Replayed"]) == (202, "true")
    assert "Idempotency-Replayed" not in first
    assert RequestOrigin.objects.count() == 1


def test_another_call_with_the_same_key_is_refused(caller: Caller) -> None:
    caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    for path, body in (
        ("/unsubscribes", MINA),
        ("/changes", {"subscriber": MINA["subscriber"], "type": "format", "value": "Text"}),
    ):
        answer = caller.post(path, body, Idempotency_Key="call-1")
        assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert SubscriberRequest.objects.count() == 1


def test_each_api_key_has_idempotency_keys_of_its_own(
    caller: Caller, unit: BusinessUnit, make_key: MakeKey
) -> None:
    caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    answer = make_key(unit).post("/unsubscribes", MINA, Idempotency_Key="call-1")
    assert answer.status_code == 202


def test_a_call_that_failed_can_be_made_right_under_the_same_key(caller: Caller) -> None:
    wrong = ADA | {"reason": "no-such"}
    assert caller.post("/unsubscribes", wrong, Idempotency_Key="call-1").status_code == 422
    assert caller.post("/unsubscribes", ADA, Idempotency_Key="call-1").status_code == 202


def test_a_call_that_is_still_processed_is_409_until_its_process_is_taken_for_gone(
    caller: Caller,
) -> None:
    caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    ApiAnswer.objects.update(status=None, answer=None)
    answer = caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_processed")
    assert int(answer["Retry-After"]) > 0
    ApiAnswer.objects.update(started_at=F("started_at") - timedelta(minutes=2))
    assert caller.post("/unsubscribes", ADA, Idempotency_Key="call-1").status_code == 202
    assert ApiAnswer.objects.get().status == 202
    assert SubscriberRequest.objects.count() == 1


def test_an_answer_is_kept_for_a_day(caller: Caller) -> None:
    caller.post("/unsubscribes", ADA, Idempotency_Key="call-1")
    ApiAnswer.objects.update(started_at=F("started_at") - timedelta(hours=25))
    answer = caller.post("/unsubscribes", MINA, Idempotency_Key="call-1")
    assert answer.status_code == 202
    ApiAnswer.objects.update(started_at=F("started_at") - timedelta(hours=25))
    assert retention.apply()["api_answers"] == 1
    assert not ApiAnswer.objects.exists()


@pytest.mark.parametrize("sent", ["", "a b", "é", "x" * 256])
def test_a_header_that_is_no_key_is_refused(caller: Caller, sent: str) -> None:
    answer = caller.post("/unsubscribes", ADA, Idempotency_Key=sent)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_what_is_stored_of_a_call_names_nobody(caller: Caller) -> None:
    body = ADA | {"subscriber": {"subscriber_key": "ada-1001"}, "asked_by": "agent 17"}
    caller.post("/unsubscribes", body, Idempotency_Key="ada-1001")
    stored = str(ApiAnswer.objects.values().get())
    # Not "ada" alone: digests are of hexadecimal digits.
    assert "ada-" not in stored
    assert "agent" not in stored


@pytest.mark.django_db(transaction=True)
def test_twenty_equal_calls_at_once_are_one_request(
    caller: Caller, live_server: LiveServer
) -> None:
    def call(_: int) -> requests.Response:
        return requests.post(
            f"{live_server.url}{BASE}/unsubscribes", json=ADA, timeout=60,
            headers=caller.headers() | {"Idempotency-Key": "call-1"},
        )  # fmt: skip

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(20)))
    assert {one.status_code for one in answers} <= {202, 409}
    accepted = [one.json() for one in answers if one.status_code == 202]
    row = SubscriberRequest.objects.get()
    assert {one["id"] for one in accepted} == {row.pk}
    assert RequestOrigin.objects.count() == 1
    assert call(0).headers["Idempotency-Replayed"] == "true"
