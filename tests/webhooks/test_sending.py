"""What a receiver gets, and what becomes of a delivery when it fails, hangs, redirects, closes, or
is gone. Calls are real, over the loopback interface."""

from collections import Counter
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from tests.helpers import PARENT, rotate_digest_key
from tests.helpers import request as made_request
from tests.journeys.processes import wait_for
from tests.slow_names import SLOW, slow_names
from tests.webhooks import receiver as behaviours
from tests.webhooks.conftest import MakeEndpoint
from tests.webhooks.receiver import Receiver, status
from unsub.domain.context import SubscriberContext
from unsub.infra import kept
from unsub.models import (
    DeliveryState,
    DisabledReason,
    EndpointState,
    Erasure,
    SubscriberRequest,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookResult,
)
from unsub.outbox import forgetting
from unsub.webhooks import endpoints, payload, queue, recording, sending
from unsub.webhooks.call import Answer


def accept(number: int = 1, **changes: Any) -> SubscriberRequest:
    """Make a pending request, recorded as accepted, so many times. Return the last one."""
    fields: dict[str, Any] = {"status": "pending", "attempts": 0, "subscriber_key": "SK-1"}
    rows = [made_request(**fields | changes) for _ in range(number)]
    recording.accepted(PARENT, [row.pk for row in rows])
    return rows[-1]


def due_now() -> None:
    """Make everything that waits due, and every circuit half-open."""
    WebhookDelivery.objects.filter(state=DeliveryState.PENDING).update(next_attempt_at=Now())
    WebhookEndpoint.objects.filter(open_until__isnull=False).update(open_until=Now())


def only() -> WebhookDelivery:
    """Return the only delivery."""
    return WebhookDelivery.objects.get()


def results() -> list[tuple[str, int | None]]:
    """Return result and HTTP status of each attempt, oldest first."""
    return list(WebhookAttempt.objects.order_by("pk").values_list("result", "status_code"))


def test_a_resolver_that_hangs_costs_no_more_than_the_time_of_a_call(
    make_endpoint: MakeEndpoint, receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_TIMEOUT = 0.5
    slow = make_endpoint(url=receiver.url.replace("127.0.0.1", SLOW))
    accept()
    with slow_names() as look_ups:
        assert sending.drain(slow.pk) == 1
        assert not look_ups.answered
        assert results() == [(WebhookResult.TIMEOUT, None)]
    assert (only().state, only().lease) == (DeliveryState.PENDING, None)
    # What was looked up too late is not posted.
    assert not receiver.received


def test_a_receiver_gets_a_cloud_event_signed_by_the_specification(
    endpoint: WebhookEndpoint, receiver: Receiver, settings: Settings
) -> None:
    row = accept(email_address="ada@example.com")
    assert sending.drain(endpoint.pk) == 1
    [got] = receiver.received
    event = Webhook(endpoint.shown_secret).verify(got.body, got.headers)  # type: ignore[attr-defined]
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert event["id"] == got.headers["webhook-id"] == str(WebhookEvent.objects.get().pk)
    assert event["specversion"] == "1.0"
    assert event["source"] == f"{settings.PUBLIC_URL}/{PARENT}"
    assert event["type"] == "profilecenter.request.accepted"
    assert event["subject"] == f"requests/{row.pk}"
    data = event["data"]
    assert (data["request_id"], data["mid"], data["job_id"]) == (row.pk, PARENT, 88002)
    assert (data["subscriber_key"], data["subscriber_id"]) == ("SK-1", 1)
    assert data["email_address"] is None
    assert "ada@example.com" not in got.body.decode()
    delivery = only()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert results() == [(WebhookResult.DELIVERED, 204)]


def test_a_changed_body_does_not_verify(endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    accept()
    sending.drain(endpoint.pk)
    [got] = receiver.received
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.shown_secret).verify(got.body + b" ", got.headers)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("choices", "who", "wanted"),
    [
        ({}, {"subscriber_key": "SK-1"}, (1, "SK-1", None)),
        ({}, {"subscriber_id": None, "subscriber_key": ""}, (None, None, "ada@example.com")),
        ({"include_address": True}, {}, (1, "SK-1", "ada@example.com")),
        ({"include_subscriber": False}, {}, (None, None, None)),
        (
            {"include_subscriber": False},
            {"subscriber_id": None, "subscriber_key": ""},
            (None, None, None),
        ),
        (
            {"include_subscriber": False, "include_address": True},
            {},
            (None, None, "ada@example.com"),
        ),
    ],
)
def test_a_marketer_chooses_what_names_the_subscriber(
    make_endpoint: MakeEndpoint, receiver: Receiver, choices: dict[str, object],
    who: dict[str, Any], wanted: tuple[object, ...],
) -> None:  # fmt: skip
    endpoint = make_endpoint(**choices)
    accept(email_address="ada@example.com", **who)
    sending.drain(endpoint.pk)
    data = receiver.received[0].data
    names = ("subscriber_id", "subscriber_key", "email_address")
    assert tuple(data[name] for name in names) == wanted


def test_both_secrets_sign_while_one_is_replaced(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    old = endpoint.shown_secret  # type: ignore[attr-defined]
    new = endpoints.rotate(endpoint)
    accept()
    sending.drain(endpoint.pk)
    [got] = receiver.received
    assert len(got.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        Webhook(secret).verify(got.body, got.headers)
    WebhookEndpoint.objects.update(former_until=timezone.now() - timedelta(seconds=1))
    accept()
    sending.drain(endpoint.pk)
    got = receiver.received[1]
    Webhook(new).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(got.body, got.headers)


def test_a_secret_outlives_a_new_digest_key(
    endpoint: WebhookEndpoint, receiver: Receiver, settings: Settings
) -> None:
    rotate_digest_key(settings)
    accept()
    sending.drain(endpoint.pk)
    got = receiver.received[0]
    Webhook(endpoint.shown_secret).verify(got.body, got.headers)  # type: ignore[attr-defined]


def test_a_secret_that_cannot_be_read_is_a_failure_and_nothing_is_sent(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    WebhookEndpoint.objects.update(secret="lost")
    accept()
    sending.drain(endpoint.pk)
    assert receiver.received == []
    assert results() == [(WebhookResult.NO_SECRET, None)]


def test_a_new_secret_signs_though_the_former_one_cannot_be_read(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    endpoint.secret = "lost"
    new = endpoints.rotate(endpoint)
    accept()
    sending.drain(endpoint.pk)
    [got] = receiver.received
    Webhook(new).verify(got.body, got.headers)


def test_an_event_that_raises_an_error_is_an_attempt_and_keeps_no_other_one_back(
    endpoint: WebhookEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept()
    first = WebhookEvent.objects.get()
    accept()
    made = payload.body

    def body(event: WebhookEvent, of: WebhookEndpoint) -> bytes:
        if event == first:
            raise KeyError("a fault")
        return made(event, of)

    monkeypatch.setattr(payload, "body", body)
    for _ in range(2):
        sending.drain(endpoint.pk)
    states = WebhookDelivery.objects.order_by("pk").values_list("state", "attempts")
    assert list(states) == [(DeliveryState.PENDING, 1), (DeliveryState.DELIVERED, 1)]


def test_a_thread_that_cannot_start_does_not_count_as_running(
    endpoint: WebhookEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    accept()
    with monkeypatch.context() as changed:
        changed.setattr(Thread, "start", start)
        for _ in range(queue.CLAIMS_AT_ONCE):
            with pytest.raises(RuntimeError):
                sending.start()
    assert sending._take(endpoint.pk)
    sending._give_back(endpoint.pk)


@pytest.mark.parametrize(
    ("behaviour", "wanted"),
    [
        (status(500), (WebhookResult.HTTP_ERROR, 500)),
        (status(400, b"x" * 10), (WebhookResult.HTTP_ERROR, 400)),
        (status(302, Location="/elsewhere"), (WebhookResult.REDIRECT, 302)),
        (status(302, Location="\xff//[::1"), (WebhookResult.REDIRECT, 302)),
        (
            status(503, Retry_After="Thu, 01 Jan 99999999999 00:00:00 GMT"),
            (WebhookResult.HTTP_ERROR, 503),
        ),
        (behaviours.close_half_way, (WebhookResult.BROKEN, None)),
        (behaviours.hang, (WebhookResult.TIMEOUT, None)),
        (behaviours.trickle, (WebhookResult.TIMEOUT, None)),
    ],
)
def test_what_is_not_received_is_tried_again_with_the_same_id(
    endpoint: WebhookEndpoint, receiver: Receiver, settings: Settings,
    behaviour: behaviours.Behaviour, wanted: tuple[str, int | None],
) -> None:  # fmt: skip
    # Only where it is to end the call: on a busy machine an answer takes a while.
    settings.WEBHOOK_TIMEOUT = 1.0 if wanted[0] == WebhookResult.TIMEOUT else 60.0
    receiver.behave(behaviour, status(200))
    accept()
    sending.drain(endpoint.pk)
    assert results() == [wanted]
    wait_for("the receiver to have read it", lambda: receiver.received, seconds=60)
    assert only().state == DeliveryState.PENDING
    settings.WEBHOOK_TIMEOUT = 60.0
    due_now()
    sending.drain(endpoint.pk)
    assert only().state == DeliveryState.DELIVERED
    first, second = receiver.received
    assert (first.path, first.body) == (second.path, second.body)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_an_answer_without_an_end_is_not_read_to_the_end(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(behaviours.endless)
    accept()
    sending.drain(endpoint.pk)
    assert only().state == DeliveryState.DELIVERED


def test_a_redirect_without_an_end_is_not_read_to_the_end(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(behaviours.endless_redirect)
    accept()
    sending.drain(endpoint.pk)
    assert results() == [(WebhookResult.REDIRECT, 302)]


def test_nobody_listens(make_endpoint: MakeEndpoint) -> None:
    endpoint = make_endpoint(url="http://127.0.0.1:9/hook")
    accept()
    sending.drain(endpoint.pk)
    assert results() == [(WebhookResult.NO_CONNECTION, None)]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook", "https://10.1.2.3/", "https://169.254.169.254/latest",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/",
        "https://localhost/", "http://example.com/", "https://0.0.0.0/", "ftp://example.com/",
    ],
)  # fmt: skip
def test_private_addresses_and_plain_http_are_never_called(
    make_endpoint: MakeEndpoint, receiver: Receiver, settings: Settings, url: str
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    endpoint = make_endpoint(url=url)
    accept()
    sending.drain(endpoint.pk)
    assert results() == [(WebhookResult.FORBIDDEN, None)]


def test_the_schedule_is_that_of_the_specification_and_then_the_delivery_is_given_up(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(503))
    accept()
    waits = []
    for _ in range(len(queue.SCHEDULE)):
        due_now()
        before = timezone.now()
        sending.drain(endpoint.pk)
        waits.append((only().next_attempt_at - before).total_seconds())
    shortest = [one.total_seconds() for one in queue.SCHEDULE]
    assert shortest == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for wait, least in zip(waits, shortest, strict=True):
        assert least - 1 <= wait <= least * (1 + queue.JITTER) + 60
    assert only().state == DeliveryState.PENDING
    due_now()
    sending.drain(endpoint.pk)
    delivery = only()
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 10)
    assert WebhookAttempt.objects.count() == len(receiver.received) == 10


def test_retry_after_is_respected_within_an_hour(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(429, Retry_After="600"))
    accept(2)
    assert sending.drain(endpoint.pk) == 1
    endpoint.refresh_from_db()
    assert endpoint.open_until is not None
    assert endpoint.open_until > timezone.now() + timedelta(minutes=9)
    assert queue._bounded(10**9) == queue.LONGEST_RETRY_AFTER


def test_the_circuit_opens_after_three_failures_and_one_delivery_tries_it(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(500), status(500), status(500), status(500), status(200))
    accept(6)
    assert sending.drain(endpoint.pk) == 3
    assert sending.drain(endpoint.pk) == 0
    WebhookEndpoint.objects.update(open_until=Now())
    assert sending.drain(endpoint.pk) == 1
    due_now()
    assert sending.drain(endpoint.pk) == 6
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.open_until) == (0, None, None)
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 6


def test_an_event_that_a_receiver_refuses_does_not_keep_the_others_back(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(422), status(200))
    accept(4)
    assert sending.drain(endpoint.pk) == 4
    assert WebhookDelivery.objects.filter(state=DeliveryState.DELIVERED).count() == 3


def test_410_disables_the_endpoint(
    endpoint: WebhookEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.behave(status(410))
    accept(2)
    assert sending.drain(endpoint.pk) == 1
    endpoint.refresh_from_db()
    assert endpoint.state == EndpointState.DISABLED
    assert endpoint.disabled_reason == DisabledReason.GONE
    assert "webhook_endpoint_disabled" in caplog.text
    kept.forget_all()
    accept()
    assert WebhookEvent.objects.count() == 2


def test_days_of_failure_disable_the_endpoint(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(500))
    accept()
    sending.drain(endpoint.pk)
    WebhookEndpoint.objects.update(failing_since=F("failing_since") - queue.DISABLED_AFTER)
    due_now()
    sending.drain(endpoint.pk)
    endpoint.refresh_from_db()
    assert endpoint.state == EndpointState.DISABLED
    assert endpoint.disabled_reason == DisabledReason.FAILING
    # As a user does.
    endpoint.state = EndpointState.ACTIVE
    endpoints.change(endpoint, ["state"])
    receiver.behave(status(200))
    due_now()
    assert sending.drain(endpoint.pk) == 1


def test_a_paused_endpoint_is_sent_to_when_it_is_active_again(
    make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    endpoint = make_endpoint(state=EndpointState.PAUSED)
    accept()
    assert sending.drain(endpoint.pk) == 0
    endpoint.state = EndpointState.ACTIVE
    endpoints.change(endpoint, ["state"])
    assert sending.drain(endpoint.pk) == 1


def test_a_replay_has_the_same_id_and_a_new_schedule(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    accept()
    sending.drain(endpoint.pk)
    assert queue.send_again([only().pk]) == 1
    assert only().tries == 0
    sending.drain(endpoint.pk)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert list(WebhookAttempt.objects.values_list("number", flat=True)) == [1, 2]


def test_a_worker_that_died_is_logged_and_its_deliveries_are_sent_by_another(
    endpoint: WebhookEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    accept(2)
    claimed = queue.claim(endpoint.pk)
    assert claimed
    assert queue.claim(endpoint.pk) is None
    WebhookDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    queue.free_leases()
    assert results() == [(WebhookResult.UNKNOWN, None)] * 2
    assert "webhook_lease_expired" in caplog.text
    assert sending.drain(endpoint.pk) == 2
    # The late one writes nothing.
    answer = Answer(result=WebhookResult.HTTP_ERROR, status_code=500)
    assert not queue.settle(claimed, claimed.deliveries[0], answer, timezone.now())
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_two_claims_of_an_endpoint_at_a_time(endpoint: WebhookEndpoint) -> None:
    accept(queue.BATCH * 3)
    first, second = queue.claim(endpoint.pk), queue.claim(endpoint.pk)
    assert first
    assert second
    assert queue.claim(endpoint.pk) is None
    queue.release(first)
    third = queue.claim(endpoint.pk)
    assert third
    assert {one.pk for one in third.deliveries} == {one.pk for one in first.deliveries}


def test_a_forgotten_subscriber_is_no_longer_in_what_is_sent(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    row = made_request(subscriber_key="SK-1", email_address="ada@example.com")
    recording.ended([row.pk], PARENT)
    forgetting.pseudonymise(row)
    forgetting.save(SubscriberRequest, [row])
    sending.drain(endpoint.pk)
    data = receiver.received[0].data
    assert (data["subscriber_id"], data["subscriber_key"], data["email_address"]) == (None,) * 3
    assert data["status"] == "done"


def test_an_erasure_names_the_subscriber_until_it_is_delivered(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    asked = Erasure.objects.create(unit_id=PARENT, subscriber_digest="d", subscriber_id=1001)
    who = {SubscriberContext(subscriber_id=1001, subscriber_key="SK-1001")}
    recording.erased(asked, who)
    sending.drain(endpoint.pk)
    [got] = receiver.received
    assert got.data["subscribers"] == [
        {"subscriber_id": 1001, "subscriber_key": "SK-1001", "email_address": None}
    ]
    assert WebhookEvent.objects.get().sealed_subscribers == ""
    queue.send_again([only().pk])
    sending.drain(endpoint.pk)
    assert receiver.received[1].data["subscribers"] == []


def test_a_test_event_goes_to_its_endpoint_alone(
    make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    one, other = make_endpoint(types=[]), make_endpoint()
    recording.test(one)
    assert sending.drain(other.pk) == 0
    assert sending.drain(one.pk) == 1
    assert receiver.types() == ["endpoint.test"]


@pytest.mark.django_db(transaction=True)
def test_a_hanging_receiver_keeps_no_other_one_waiting(
    make_endpoint: MakeEndpoint, receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_TIMEOUT = 30.0
    with Receiver() as slow:
        slow.behave(behaviours.hang)
        hanging, quick = make_endpoint(url=slow.url), make_endpoint()
        accept(3)
        busy = [Thread(target=sending._run, args=(hanging.pk, lambda: False)) for _ in range(2)]
        for one in busy:
            one.start()
        sending.drain(quick.pk)
        assert len(receiver.received) == 3
    for one in busy:
        one.join(60)
        assert not one.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_receiver_with_much_to_get_takes_turns_with_the_others(
    make_endpoint: MakeEndpoint, receiver: Receiver, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.WEBHOOK_CONCURRENCY = 1
    monkeypatch.setattr(queue, "SEND_SECONDS", 0.0)
    monkeypatch.setattr(sending, "_running", Counter())
    monkeypatch.setattr(sending, "_begun", {})
    for name in ("slow", "quick"):
        make_endpoint(url=f"{receiver.url}/{name}")
    accept(6)
    sending.start()
    wait_for("both to have all", lambda: len(receiver.received) == 12, seconds=120)
    wait_for("the threads to end", lambda: not sending._running.total(), seconds=120)
    assert {one.path for one in receiver.received[:2]} == {"/hook/slow", "/hook/quick"}
