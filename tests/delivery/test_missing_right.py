"""A missing right, and what refuses everybody alike, refuses no request: it holds what it concerns,
and all of it goes once the cause is corrected."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.db.models.functions import Now
from django.utils import timezone
from lxml import etree
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission, made, queue, rewrite, shown
from tests.sfmc.replies import result, rows, updated
from tests.sfmc.vendor import OK, Vendor, fault, reply
from tests.stand_in import Answer, Received
from unsub.alerting import detection
from unsub.delivery import circuit
from unsub.gateway import calls as gateway
from unsub.models import (
    BusinessUnit,
    Cause,
    DeliveryAttempt,
    Kind,
    MessageTypeState,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import store

from .helpers import drain, due_now

pytestmark = pytest.mark.django_db(transaction=True)
API = "{http://exacttarget.com/wsdl/partnerAPI}"
PEOPLE = 30
BAD_REQUEST = Answer(body=b"Bad Request", status=400, kind="text/plain")
LARGE = 2**40


class Account(Vendor):
    """A vendor that answers each operation with `refusals[operation]`, where there is one, and else
    does what it is asked. `refused`: the SubscriberIDs that are refused by a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[str, Answer | str] = {}
        self.refused: set[str] = set()
        self.done: list[str] = []

    def answer(self, received: Received) -> Answer:
        """Return the reply to a request."""
        if received.path == "/v2/token":
            return super().answer(received)
        refusal = self.refusals.get(received.headers["SOAPAction"].strip('"'))
        return refusal if isinstance(refusal, Answer) else self._do(received, refusal)

    def _do(self, received: Received, refusal: str | None) -> Answer:
        """Return what a call is answered: `refusal` for each request, if there is one."""
        root = etree.fromstring(received.body)
        number = len([*root.iter(f"{API}Requests"), *root.iter(f"{API}Objects")])
        if b"RetrieveRequest" in received.body:
            return Answer(body=rows())
        if b"UpdateRequest" in received.body:
            return Answer(body=updated(result("UpdateResult") * number))
        if refusal is not None:
            return Answer(body=reply(refusal * number, status="Error"))
        people = [value.text or "" for value in root.iter(f"{API}Value")]
        if self.refused & set(people):
            return Answer(body=fault(faultcode="soap:Client", words="Bad value"), status=500)
        self.done += [person for person in people if person.startswith("key-")]
        return Answer(body=reply(OK * number))


@pytest.fixture
def account(settings: Settings) -> Iterator[Account]:
    """The account that the settings name."""
    caches["shared"].clear()
    with Account() as running:
        settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = running.url
        settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "id"
        settings.SFMC_USERNAME = settings.SFMC_PASSWORD = ""
        settings.SFMC_ACCOUNT_ID = PARENT
        gateway.client.cache_clear()
        yield running
    gateway.client.cache_clear()
    caches["shared"].clear()


def error(code: int | None = None, words: str = "x") -> str:
    """Return a result with an error."""
    said = "" if code is None else f"<ErrorCode>{code}</ErrorCode>"
    return (
        f"<Results><StatusCode>Error</StatusCode><StatusMessage>{words}</StatusMessage>{said}"
        "</Results>"
    )


def requests(number: int = PEOPLE, kind: str = Kind.UNSUBSCRIBE) -> None:
    """Make that many due requests, each of another subscriber; for subscribing, to list 7004."""
    about: dict[str, Any] = (
        {} if kind == Kind.UNSUBSCRIBE else {"list_id": 7004, "job_id": None, "batch_id": None}
    )
    SubscriberRequest.objects.bulk_create(
        made(
            unit_id=PARENT, subscriber_id=one, subscriber_key=f"key-{one}", kind=kind,
            subscriber_digest=f"{one:x}", status=Status.PENDING, finished_at=None, attempts=0,
            received_at=timezone.now(), **about,
        )
        for one in range(1, number + 1)
    )  # fmt: skip
    SubscriberRequest.objects.update(next_attempt_at=Now())


def rounds(number: int = 6) -> None:
    """Let a worker look so many times, each time with everything due."""
    for _ in range(number):
        due_now()
        drain()


def counts() -> dict[str, int]:
    """Return the number of requests by stored status."""
    stored = list(SubscriberRequest.objects.values_list("status", flat=True))
    return {status: stored.count(status) for status in set(stored)}


REFUSALS: dict[str, Answer | str] = {
    "permission failed": Answer(body=reply("", status="Error: API Permission Failed")),
    "permission failed, in other words": Answer(
        body=reply("", status="Error: API permission failed for the user.")
    ),
    "no handler": Answer(body=reply("", status="Error: Unable to find a handler for this")),
    "client fault": Answer(
        body=fault(faultcode="soap:Client", words="User Not Authorized"), status=500
    ),
    "client fault, in other words": Answer(
        body=fault(faultcode="soap:Client", words="The user is not authorized."), status=500
    ),
    "code 12": Answer(body=fault(12), status=500),
    "login failed": Answer(body=fault(faultcode="q0:Security", words="Login failed"), status=500),
    "results without a code": error(words="User not authorized"),
    "results with code 0": error(0, "API Permission Failed"),
    "results with code 11": error(11),
    "results with an unknown code": error(LARGE),
    "results about our message": error(402),
    "a client fault in unknown words": Answer(
        body=fault(faultcode="soap:Client", words="Object reference not set"), status=500
    ),
    "bad request": BAD_REQUEST,
    "unsupported": Answer(body=fault(8), status=500),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_what_refuses_everybody_refuses_no_request_and_all_go_once_it_is_over(
    unit: BusinessUnit, account: Account, refusal: Answer | str
) -> None:
    requests()
    account.refusals["Execute"] = refusal
    rounds()
    assert counts() == {Status.PENDING: PEOPLE}
    assert set(shown()) == {Status.HELD}
    assert [(one.cause, one.number) for one in detection.find()] == [(Cause.HELD, PEOPLE)]
    account.refusals.clear()
    rounds(2)
    assert counts() == {Status.DONE: PEOPLE}
    assert not queue().is_held
    assert len(account.done) == len(set(account.done)) == PEOPLE
    assert not MessageTypeState.objects.exists()
    assert not list(detection.find())


def test_http_400_for_user_name_and_password_holds_the_queue(
    unit: BusinessUnit, account: Account, settings: Settings
) -> None:
    settings.SFMC_CLIENT_ID = ""
    settings.SFMC_USERNAME = settings.SFMC_PASSWORD = "name"
    requests()
    account.refusals["Execute"] = BAD_REQUEST
    drain()
    assert queue().held_reason == "HTTP 400 for user name and password"
    assert counts() == {Status.PENDING: PEOPLE}
    account.refusals.clear()
    rounds(2)
    assert counts() == {Status.DONE: PEOPLE}


def test_a_held_queue_is_probed_and_stays_held_while_everybody_is_refused_alike(
    unit: BusinessUnit, account: Account
) -> None:
    requests()
    account.refusals["Execute"] = REFUSALS["a client fault in unknown words"]
    rounds(2)
    since = queue().held_since
    assert "Client fault" in queue().held_reason
    drain()
    assert DeliveryAttempt.objects.filter(outcome="refused").count() == 0
    rounds(1)
    assert queue().held_since == since


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(status=429, headers={"Retry-After": "900"}), "try_later"),
        (Answer(body=fault(17), status=500), "try_later"),
        (Answer(status=503, kind="text/html", headers={"Retry-After": "900"}), "unknown"),
        (Answer(body=fault(9), status=500), "try_later"),
        (Answer(status=500, kind="text/html"), "unknown"),
    ],
    ids=["429", "rate limit", "503 with Retry-After", "maintenance", "500"],
)
def test_a_probe_of_a_held_queue_that_is_told_to_wait_is_followed_by_others(
    unit: BusinessUnit, account: Account, answer: Answer, outcome: str
) -> None:
    requests()
    account.refusals["Execute"] = REFUSALS["permission failed"]
    drain()
    assert queue().is_held
    account.refusals["Execute"] = answer
    rounds(circuit.CIRCUIT_OPENS_AT + 1)
    assert set(DeliveryAttempt.objects.values_list("outcome", flat=True)) == {
        "misconfigured", outcome
    }  # fmt: skip
    assert queue().is_held
    account.refusals.clear()
    rounds(2)
    assert counts() == {Status.DONE: PEOPLE}
    assert not queue().is_held


def test_one_person_who_is_refused_alone_is_refused_and_holds_nobody(
    unit: BusinessUnit, account: Account
) -> None:
    requests(5)
    account.refused = {"3"}
    rounds(4)
    assert counts() == {Status.DONE: 4, Status.REFUSED: 1}
    assert not queue().is_held
    refused = SubscriberRequest.objects.get(status=Status.REFUSED)
    # In the message of all, alone, and alone once more.
    assert (refused.subscriber_id, refused.attempts) == (3, 3)


def test_the_same_person_refused_again_and_again_is_not_everybody(
    unit: BusinessUnit, account: Account, make_submission: MakeSubmission
) -> None:
    account.refused = {"1001"}
    for job in (88002, 88003, 88004, 88005):
        store.write(make_submission(1001, job=job))
    rounds(4)
    assert not queue().is_held
    assert set(counts()) == {Status.REFUSED}


def test_refusals_that_name_the_person_hold_nobody(unit: BusinessUnit, account: Account) -> None:
    requests(5)
    account.refusals["Execute"] = error(405)
    rounds(3)
    assert counts() == {Status.REFUSED: 5}
    assert not queue().is_held


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(body=rows(status="Error: API Permission Failed.")),
        Answer(body=fault(faultcode="soap:Client", words="User Not Authorized"), status=500),
        Answer(body=fault(11), status=500),
        Answer(body=rows(status="Error: something else")),
        Answer(status=503, kind="text/html"),
        BAD_REQUEST,
    ],
    ids=["permission failed", "not authorized", "code 11", "other error", "503", "bad request"],
)
def test_a_read_that_fails_stops_no_unsubscribe(
    unit: BusinessUnit, account: Account, refusal: Answer
) -> None:
    requests(5, Kind.SUBSCRIBE)
    account.refusals["Retrieve"] = refusal
    rounds(8)
    assert counts() == {Status.PENDING: 5}
    state = queue()
    assert (state.is_held, state.paused_until, state.unknowns_in_a_row) == (False, None, 0)
    (finding,) = detection.find()
    assert finding.cause in {Cause.HELD, Cause.CIRCUIT_OPEN}
    assert finding.number == 5
    assert finding.detail.startswith("update alone")
    made(unit_id=PARENT, subscriber_id=2001, status=Status.PENDING, finished_at=None).save()
    SubscriberRequest.objects.filter(subscriber_id=2001).update(next_attempt_at=Now())
    drain()
    assert SubscriberRequest.objects.get(subscriber_id=2001).status == Status.DONE
    account.refusals.clear()
    account.refusals["Retrieve"] = Answer(body=rows())
    rounds(3)
    assert not list(detection.find())


def test_a_stopped_message_type_sends_one_probe_at_a_time(
    unit: BusinessUnit, account: Account
) -> None:
    requests(5, Kind.SUBSCRIBE)
    account.refusals["Update"] = Answer(body=fault(11), status=500)
    drain()
    before = DeliveryAttempt.objects.count()
    SubscriberRequest.objects.update(next_attempt_at=Now())
    drain()
    assert DeliveryAttempt.objects.count() == before
    due_now()
    drain()
    assert DeliveryAttempt.objects.count() == before + 1
    assert outbox.release([PARENT]) == 0
    assert not MessageTypeState.objects.exists()


def test_a_change_that_succeeds_does_not_release_unsubscribes_without_a_right(
    unit: BusinessUnit, account: Account
) -> None:
    requests(1)
    account.refusals["Execute"] = REFUSALS["permission failed"]
    drain()
    assert queue().is_held
    rewrite(SubscriberRequest.objects.all(), kind=Kind.SUBSCRIBE, list_id=7004, job_id=None)
    rounds(2)
    assert queue().is_held


@pytest.mark.parametrize("code", [2**31, -(2**31) - 1, 2**63 - 1, 2**63, 10**30])
def test_a_code_of_any_size_is_settled(unit: BusinessUnit, account: Account, code: int) -> None:
    requests(2)
    account.refusals["Execute"] = error(code)
    rounds(3)
    assert counts() == {Status.REFUSED: 2}
    kept = code if abs(code) < 2**63 else None
    assert set(DeliveryAttempt.objects.values_list("error_code", flat=True)) == {kept}
    assert set(SubscriberRequest.objects.values_list("error_code", flat=True)) == {kept}


@pytest.mark.parametrize("ordinals", ["00", "50", "10"], ids=["twice", "out of range", "swapped"])
def test_results_whose_ordinals_contradict_each_other_are_sent_singly(
    unit: BusinessUnit, account: Account, ordinals: str
) -> None:
    requests(2)
    numbered = "".join(
        OK.replace("</Results>", f"<OrdinalID>{one}</OrdinalID></Results>") for one in ordinals
    )
    account.refusals["Execute"] = Answer(body=reply(numbered))
    drain()
    sizes = set(DeliveryAttempt.objects.values_list("batch_size", "outcome"))
    assert sizes == ({(2, "posted")} if ordinals == "10" else {(2, "unknown"), (1, "unknown")})
    account.refusals.clear()
    rounds(2)
    assert counts() == {Status.DONE: 2}


def test_a_list_that_does_not_hold_the_subscriber_leaves_nothing_to_do(
    unit: BusinessUnit, account: Account
) -> None:
    requests(2)
    account.refusals["Execute"] = error(12009)
    drain()
    assert counts() == {Status.DONE: 2}
    outcomes = set(SubscriberRequest.objects.values_list("outcome", "attempts"))
    assert outcomes == {("already_unsubscribed", 1)}
