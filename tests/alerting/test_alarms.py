"""Alarms: at most one notification an hour for each cause, and one when it is over."""

import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import pytest
import redis
from django.core import mail
from django.db import DatabaseError, connections
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission, rewrite, settle
from tests.stand_in import Answer, Received, StandIn
from unsub import tasks
from unsub.alerting import detection, notifications, without_database
from unsub.domain.context import SubscriberContext
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import Alarm, BusinessUnit, Cause, QueueState, Status, SubscriberRequest
from unsub.outbox import spool, store
from unsub.units import queue_state

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
SECRET = "a-secret-for-the-webhook"


def causes() -> dict[str, int]:
    """Return the current findings: number by cause."""
    return {finding.cause.value: finding.number for finding in detection.find()}


@pytest.fixture
def row(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """A request with an address."""
    who = SubscriberContext(subscriber_id=1001, email_address="ada@example.com")
    request, _ = store.write(make_submission(who))
    return request


def test_a_healthy_queue_raises_no_alarm(row: SubscriberRequest) -> None:
    assert causes() == {}
    assert detection.evaluate() == []


def test_each_cause_is_found(row: SubscriberRequest, make_submission: MakeSubmission) -> None:
    rows, hour = SubscriberRequest.objects.filter(pk=row.pk), timedelta(hours=1, minutes=1)
    rewrite(rows, received_at=Now() - hour)
    assert causes() == {"late": 1}
    rows.update(status=Status.REFUSED, finished_at=Now())
    assert causes() == {"refused": 1}
    rows.update(give_up_at=Now() - hour)
    assert causes() == {"given_up": 1}
    rows.update(status=Status.PENDING, finished_at=None)
    queue_state.hold(PARENT, "credentials refused")
    assert causes() == {"held": 1}
    queue_state.release(PARENT)
    rewrite(rows, received_at=Now())
    QueueState.objects.update(paused_reason="circuit open")
    assert causes() == {"circuit_open": 1}
    BusinessUnit.objects.all().delete()
    assert causes() == {"unknown_unit": 1}


def test_an_alarm_is_notified_once_an_hour_and_when_it_is_over(row: SubscriberRequest) -> None:
    queue_state.hold(PARENT, "credentials refused")
    (told,) = detection.evaluate()
    assert detection.evaluate() == []
    Alarm.objects.update(notified_at=Now() - timedelta(minutes=61))
    assert detection.evaluate() == [told]
    queue_state.release(PARENT)
    assert detection.evaluate() == [told]
    assert detection.evaluate() == []
    alarm = Alarm.objects.get()
    assert alarm.cleared_at
    queue_state.hold(PARENT, "credentials refused")
    assert detection.evaluate() != [told]
    assert Alarm.objects.count() == 2


def test_refusals_are_notified_again_only_when_there_are_more(
    row: SubscriberRequest, make_submission: MakeSubmission
) -> None:
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    assert len(detection.evaluate()) == 1
    Alarm.objects.update(notified_at=Now() - timedelta(hours=5))
    assert detection.evaluate() == []
    again, _ = store.write(make_submission(1002))
    settle(SubscriberRequest.objects.filter(pk=again.pk), Status.REFUSED)
    assert len(detection.evaluate()) == 1


def test_of_simultaneous_detections_one_notifies(row: SubscriberRequest) -> None:
    queue_state.hold(PARENT, "credentials refused")

    def look(_: int) -> list[int]:
        try:
            return detection.evaluate()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        told = [pk for found in pool.map(look, range(8)) for pk in found]
    assert len(told) == 1
    assert Alarm.objects.count() == 1


class Receiver(StandIn):
    """A webhook: `statuses` are its replies in order, the last one stays."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses = [200]
        self.received: list[tuple[bytes, str]] = []

    def answer(self, received: Received) -> Answer:
        """Return the next status, with an address to which nobody may follow."""
        self.received.append((received.body, received.headers[notifications.SIGNATURE]))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Answer(status=status, headers={"Location": "/elsewhere"})


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A webhook receiver, set in ALERT_WEBHOOK_URL."""
    with Receiver() as running:
        settings.ALERT_WEBHOOK_URL = f"{running.url}/hook"
        settings.ALERT_WEBHOOK_SECRET = SECRET
        yield running


@pytest.fixture
def alarm(row: SubscriberRequest) -> Alarm:
    """An open alarm."""
    queue_state.hold(PARENT, "credentials refused")
    detection.evaluate()
    return Alarm.objects.get()


def test_the_webhook_is_signed_and_contains_no_personal_data(
    alarm: Alarm, receiver: Receiver
) -> None:
    tasks.post_alarm(alarm.pk)
    ((body, signature),) = receiver.received
    stamp, _, digest = signature.removeprefix("t=").partition(",v1=")
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, sha256).hexdigest()
    assert hmac.compare_digest(digest, expected)
    told = json.loads(body)
    assert (told["cause"], told["state"], told["mid"]) == ("held", "open", PARENT)
    assert told["detail"] == "credentials refused"
    assert told["advice"]
    assert b"ada" not in body


@pytest.mark.parametrize("status", [302, 400, 500])
def test_a_webhook_that_does_not_accept_an_alarm_is_tried_again(
    alarm: Alarm, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status, 200]
    with pytest.raises(notifications.WebhookError):
        notifications.send_webhook(alarm)
    notifications.send_webhook(alarm)
    assert len(receiver.received) == 2


def test_an_unreachable_webhook_raises_not_taken(alarm: Alarm, settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"
    with pytest.raises(notifications.WebhookError):
        notifications.send_webhook(alarm)


def test_the_admins_get_an_email(alarm: Alarm, settings: Settings) -> None:
    settings.ADMINS = [("operator", "operator@example.com")]
    tasks.email_alarm(alarm.pk)
    Alarm.objects.update(cleared_at=Now())
    tasks.email_alarm(alarm.pk)
    raised, over = mail.outbox
    assert str(PARENT) in raised.subject
    assert "a queue is held" in raised.subject
    assert "advice: Check the credentials" in raised.body
    assert "over: " in over.subject
    assert "ada" not in raised.body


def test_every_cause_has_an_advice() -> None:
    assert set(notifications.ADVICE) == set(Cause)


def test_open_alarms_show_in_metrics_and_admin(
    alarm: Alarm, client: Client, admin_client: Client
) -> None:
    line = 'unsub_alarms_open{cause="held",mid="510001"} 1.0'
    assert line in client.get("/metrics").content.decode()
    assert "Example Outfitters (510001)" in admin_client.get("/admin/unsub/alarm/").content.decode()
    assert admin_client.get("/admin/unsub/alarm/add/").status_code == 403


def test_requests_that_wait_in_the_spool_for_long_or_near_its_limit_are_an_alarm(
    unit: BusinessUnit, make_submission: MakeSubmission, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    spool.push(make_submission())
    assert causes() == {}
    settings.SPOOL_MAX_PER_UNIT = 1
    assert causes() == {"spooled": 1}
    settings.SPOOL_MAX_PER_UNIT = 100
    monkeypatch.setattr(detection, "SPOOLED_SECONDS", -1)
    assert causes() == {"spooled": 1}
    (told,) = detection.evaluate()
    with monkeypatch.context() as patch:
        patch.setattr(detection, "_spool", SpoolQueue(redis.Redis(port=1)))
        assert causes() == {"spooled": 1}  # as before, while Redis does not answer
    tasks.record()
    assert detection.evaluate() == [told]


def test_a_dead_letter_is_an_alarm_until_it_is_tried_again(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    spool._queue.push(PARENT, "x", b"not sealed", most=9)
    tasks.record()
    assert causes() == {"dead_letter": 1}
    (told,) = detection.evaluate()
    Alarm.objects.update(notified_at=Now() - timedelta(hours=2))
    assert detection.evaluate() == []
    spool.put_back(PARENT, ["x"])
    assert detection.evaluate() == [told]


@pytest.mark.usefixtures("database_away")
def test_while_the_database_is_away_people_are_told_of_the_spool_once_an_hour(
    make_submission: MakeSubmission, settings: Settings, receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.ADMINS = [("operator", "operator@example.com")]
    spool.push(make_submission())
    monkeypatch.setattr(detection, "SPOOLED_SECONDS", -1)
    for _ in range(3):
        with pytest.raises(DatabaseError):
            tasks.watch()
    (email,) = mail.outbox
    assert email.subject.endswith("requests wait in the spool (510001)")
    assert "ada" not in email.body
    ((body, _),) = receiver.received
    content = json.loads(body)
    assert (content["cause"], content["mid"], content["requests"]) == ("spooled", PARENT, 1)


@pytest.mark.usefixtures("database_away")
def test_what_could_not_be_told_is_told_with_the_next_look(
    make_submission: MakeSubmission, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_alarm: Alarm) -> None:
        raise OSError

    settings.ADMINS = [("operator", "operator@example.com")]
    spool.push(make_submission())
    monkeypatch.setattr(detection, "SPOOLED_SECONDS", -1)
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "send_mail", fails)
        without_database.notify()
    assert not mail.outbox
    without_database.notify()
    assert len(mail.outbox) == 1
