"""Alarms: at most one notification an hour for each cause, and one when it is over."""

import hmac
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.core import mail
from django.db import connections, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from tests.alerting.conftest import SECRET, Receiver
from tests.helpers import PARENT, MakeSubmission, rewrite, settle
from tests.webhooks.receiver import Behaviour, endless_redirect, hang, trickle
from tests.webhooks.receiver import Receiver as Anywhere
from unsub import tasks
from unsub.alerting import dead_mans_switch, detection, notifications, without_database
from unsub.domain.context import SubscriberContext
from unsub.infra import heartbeat
from unsub.infra.redis_client import quick_client
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import (
    Alarm,
    AlarmNotification,
    BackupSchedule,
    BusinessUnit,
    By,
    Cause,
    DailyCount,
    LinkEmail,
    MessageType,
    MessageTypeState,
    QueueState,
    ResolutionNote,
    Status,
    SubscriberRequest,
)
from unsub.outbox import spool, store
from unsub.units import queue_state

pytestmark = pytest.mark.django_db(transaction=True)
TO_TELL = timedelta(minutes=61)


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


def test_a_detail_longer_than_its_column_stops_no_other_alarm(row: SubscriberRequest) -> None:
    with transaction.atomic():
        queue_state.hold_type(PARENT, MessageType.MAILS, f"everybody is refused alike: {'x' * 200}")
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    detection.evaluate()
    assert set(Alarm.objects.values_list("cause", flat=True)) == {Cause.HELD, Cause.REFUSED}
    detail = Alarm.objects.get(cause=Cause.HELD).detail
    assert detail.startswith("triggered_send alone: everybody is refused alike: xxx")


@pytest.mark.parametrize("of_emails", [False, True])
def test_an_open_circuit_with_nothing_to_send_is_no_alarm(
    unit: BusinessUnit, make_submission: MakeSubmission, of_emails: bool
) -> None:
    rows: QuerySet[Any]
    if of_emails:
        mails = MessageType.MAILS.value
        MessageTypeState.objects.create(unit=unit, message_type=mails, paused_until=Now())
        LinkEmail.objects.create(unit=unit, purpose="new_link", subscriber_id=1, give_up_at=Now())
        rows = LinkEmail.objects.all()
    else:
        circuit = {"paused_reason": queue_state.CIRCUIT_OPEN}
        QueueState.objects.update_or_create(unit=unit, defaults=circuit)
        store.write(make_submission())
        rows = SubscriberRequest.objects.all()
    assert causes() == {"circuit_open": 1}
    # Its probe.
    lease = {"lease": uuid4(), "lease_until": Now() + timedelta(minutes=1), "attempts": 1}
    rows.update(status=Status.SENDING, **lease)
    assert causes() == {"circuit_open": 0}
    refused = {"lease": None, "lease_until": None, "finished_at": Now() - timedelta(days=2)}
    rows.update(status=Status.REFUSED, **refused)
    assert causes() == {}


def test_an_email_that_waits_on_purpose_is_late_an_hour_after_that(unit: BusinessUnit) -> None:
    email = LinkEmail.objects.create(
        unit=unit, purpose="new_link", subscriber_id=1001, give_up_at=Now() + timedelta(days=9),
        next_attempt_at=Now() + timedelta(hours=70),
    )  # fmt: skip
    rows = LinkEmail.objects.filter(pk=email.pk)
    rewrite(rows, received_at=Now() - timedelta(hours=2))
    assert causes() == {}
    rows.update(next_attempt_at=Now() - timedelta(minutes=59))
    assert causes() == {}
    rows.update(next_attempt_at=Now() - timedelta(minutes=61))
    assert causes() == {"late": 1}
    # One that was tried in vain is late from its receipt.
    rows.update(next_attempt_at=Now() + timedelta(minutes=30), attempts=3, outcome="try_later")
    assert causes() == {"late": 1}


def look() -> list[str]:
    """Look for alarms as a worker does, with what is to be sent sent at once. Return the state of
    each alarm that was told."""
    detection.evaluate()
    ids = notifications.claim_due()
    for notification_id in ids:
        notifications.send_claimed(notification_id)
    return ["over" if alarm.cleared_at else "open" for alarm in _alarms_of(ids)]


def _alarms_of(ids: list[int]) -> list[Alarm]:
    rows = AlarmNotification.objects.filter(pk__in=ids).select_related("alarm")
    return [row.alarm for row in rows.order_by("pk")]


def pass_time(time: timedelta = TO_TELL) -> None:
    """Let a time pass for what was told or could not be."""
    rows = AlarmNotification.objects
    rows.filter(notified_at__isnull=False).update(notified_at=F("notified_at") - time)
    rows.update(next_try_at=F("next_try_at") - time)


@pytest.mark.usefixtures("receiver")
def test_an_alarm_is_notified_once_an_hour_and_when_it_is_over(row: SubscriberRequest) -> None:
    queue_state.hold(PARENT, "credentials refused")
    assert look() == ["open"]
    assert look() == []
    pass_time()
    assert look() == ["open"]
    queue_state.release(PARENT)
    assert look() == ["over"]
    assert look() == []
    alarm = Alarm.objects.get()
    assert alarm.cleared_at
    assert alarm.notified_at
    queue_state.hold(PARENT, "credentials refused")
    assert look() == ["open"]
    assert Alarm.objects.count() == 2


@pytest.mark.usefixtures("receiver")
def test_refusals_are_notified_again_only_when_there_are_more(
    row: SubscriberRequest, make_submission: MakeSubmission
) -> None:
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    assert look() == ["open"]
    pass_time()
    assert look() == []
    again, _ = store.write(make_submission(1002))
    settle(SubscriberRequest.objects.filter(pk=again.pk), Status.REFUSED)
    assert look() == ["open"]


@pytest.mark.usefixtures("receiver")
def test_of_simultaneous_looks_one_notifies(row: SubscriberRequest) -> None:
    queue_state.hold(PARENT, "credentials refused")

    def claims(_: int) -> list[int]:
        try:
            detection.evaluate()
            return notifications.claim_due()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        told = [pk for found in pool.map(claims, range(8)) for pk in found]
    assert len(told) == 1
    assert Alarm.objects.count() == 1


def test_a_refusal_that_no_channel_accepted_is_told_when_one_does(
    row: SubscriberRequest, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    SubscriberRequest.objects.update(status=Status.REFUSED, finished_at=Now())
    waits = []
    for _ in range(12):
        look()
        waits.append(AlarmNotification.objects.values_list(F("next_try_at") - Now()).get()[0])
        assert look() == [], "the wait after a failure"
        pass_time(timedelta(minutes=16))
    assert Alarm.objects.get().notified_at is None
    assert waits[-1] > waits[0]
    assert max(waits) <= timedelta(minutes=15)
    receiver.statuses = [200]
    assert look() == ["open"]
    assert Alarm.objects.get().notified_at


def test_the_end_of_an_alarm_is_told_also_where_its_beginning_could_not_be(
    row: SubscriberRequest, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    queue_state.hold(PARENT, "credentials refused")
    look()
    queue_state.release(PARENT)
    pass_time()
    look()
    assert Alarm.objects.get().cleared_at
    pass_time()
    receiver.statuses = [200]
    assert look() == ["over"]
    pass_time()
    assert look() == []


def test_a_channel_that_fails_does_not_repeat_the_message_of_the_other(
    row: SubscriberRequest, receiver: Receiver, settings: Settings
) -> None:
    settings.ADMINS = [("operator", "operator@example.com")]
    receiver.statuses = [500]
    queue_state.hold(PARENT, "credentials refused")
    for _ in range(3):
        look()
        pass_time(timedelta(minutes=16))
    assert len(mail.outbox) == 1
    assert len(receiver.received) == 3


@pytest.mark.usefixtures("receiver")
def test_a_notification_whose_process_was_killed_is_sent_by_another(
    row: SubscriberRequest,
) -> None:
    queue_state.hold(PARENT, "credentials refused")
    detection.evaluate()
    (claimed,) = notifications.claim_due()
    assert notifications.claim_due() == []
    pass_time(notifications.CLAIM)
    assert notifications.claim_due() == [claimed]


def test_without_a_channel_nothing_is_claimed(row: SubscriberRequest) -> None:
    queue_state.hold(PARENT, "credentials refused")
    assert look() == []
    assert Alarm.objects.count() == 1


def test_a_jump_in_unsubscribes_beyond_the_busy_days_is_found(unit: BusinessUnit) -> None:
    # A newsletter every week, and one earlier incident.
    for days_ago in range(1, 60):
        number = 60 if days_ago % 7 == 0 else 2
        count_of(900 if days_ago == 30 else number, days_ago=days_ago)
    count_of(119)
    assert causes() == {}
    count_of(121)
    assert causes() == {"unsubscribe_spike": 121}
    (finding,) = detection.find()
    assert finding.detail == "usually up to 60"


def test_few_unsubscribes_and_a_young_unit_are_no_jump(unit: BusinessUnit) -> None:
    count_of(1, days_ago=40)
    count_of(99)
    assert causes() == {}
    DailyCount.objects.all().delete()
    count_of(1, days_ago=13)
    count_of(5000)
    assert causes() == {}
    count_of(1, days_ago=14)
    assert causes() == {"unsubscribe_spike": 5000}


@pytest.mark.usefixtures("receiver")
def test_a_send_far_above_the_usual_is_told_once_and_when_it_is_over(
    unit: BusinessUnit, client: Client
) -> None:
    for job in range(100, 110):
        count_of(20, days_ago=10, by=By.JOB, key=str(job))
    count_of(100, by=By.JOB, key="200")
    assert look() == ["open"]
    count_of(150, by=By.JOB, key="200")
    count_of(90, by=By.JOB, key="201")
    pass_time()
    assert look() == ["open"], "of the other send"
    assert look() == []
    line = 'unsub_alarms_open{cause="send_spike",mid="510001"} 1.0'
    assert client.get("/metrics").content.decode().count(line) == 1
    count_of(220, by=By.JOB, key="200")
    pass_time()
    assert look() == ["open"], "the first has doubled"
    alarms = Alarm.objects.order_by("job_id").values_list("job_id", "number", "detail")
    assert list(alarms) == [
        (200, 220, "Job 200: 220 unsubscribed, usually 20"),
        (201, 90, "Job 201: 90 unsubscribed, usually 20"),
    ]
    DailyCount.objects.filter(key__in=["200", "201"]).delete()
    assert look() == ["over", "over"]


def test_the_email_about_a_send_names_it_and_leads_to_its_page(
    unit: BusinessUnit, settings: Settings
) -> None:
    settings.ADMINS = [("operator", "operator@example.com")]
    alarm = Alarm.objects.create(cause=Cause.SEND_SPIKE, mid=PARENT, job_id=200, number=100)
    notifications.send_mail(alarm)
    (email,) = mail.outbox
    assert "[open] Far more unsubscribes from a send than usual (510001, job 200)" in email.subject
    assert f"url: {settings.ADMIN_URL}/admin/unsub/alarm/{alarm.pk}/change/" in email.body
    assert "“I never signed up”" in email.body


def test_the_metrics_show_the_unsubscribes_of_today_beside_the_usual(
    client: Client, unit: BusinessUnit
) -> None:
    for days_ago in range(1, 20):
        count_of(days_ago, days_ago=days_ago)
    count_of(7)
    text = client.get("/metrics").content.decode()
    assert 'unsub_unsubscribes_today{mid="510001"} 7.0' in text
    assert 'unsub_unsubscribes_usual{mid="510001"} 17.0' in text


def count_of(number: int, *, days_ago: int = 0, by: By = By.CHANNEL, key: str = "page") -> None:
    """Set the unsubscribes of a day."""
    day = timezone.now().astimezone(UTC).date() - timedelta(days=days_ago)
    DailyCount.objects.update_or_create(
        day=day, mid=PARENT, by=by, key=key, defaults={"number": number}
    )


@pytest.fixture
def alarm(row: SubscriberRequest) -> Alarm:
    """An open alarm."""
    queue_state.hold(PARENT, "credentials refused")
    detection.evaluate()
    return Alarm.objects.get()


def test_the_webhook_is_signed_and_contains_no_personal_data(
    alarm: Alarm, receiver: Receiver
) -> None:
    look()
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


@pytest.mark.parametrize("behaviour", [hang, trickle, endless_redirect])
def test_a_service_that_never_ends_its_answer_keeps_no_task(
    alarm: Alarm, settings: Settings, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    monkeypatch.setattr(notifications, "SECONDS", 0.3)
    monkeypatch.setattr(dead_mans_switch, "SECONDS", 0.3)
    with Anywhere() as running, capture_logs() as logs:
        running.behave(behaviour)
        settings.ALERT_WEBHOOK_URL = settings.WATCH_PING_URL = running.url
        with pytest.raises(notifications.WebhookError):
            notifications.send_webhook(alarm)
        dead_mans_switch.ping()
    assert [one["event"] for one in logs] == ["watch_ping_failed"]


def test_an_unreachable_webhook_raises_not_taken(alarm: Alarm, settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"
    with pytest.raises(notifications.WebhookError):
        notifications.send_webhook(alarm)


def test_the_admins_get_an_email(alarm: Alarm, settings: Settings) -> None:
    settings.ADMINS = [("operator", "operator@example.com")]
    look()
    queue_state.release(PARENT)
    look()
    raised, over = mail.outbox
    assert str(PARENT) in raised.subject
    assert "[open] Queue on hold" in raised.subject
    assert "advice: Check the credentials" in raised.body
    assert "[resolved] Queue on hold" in over.subject
    assert "ada" not in raised.body


def test_a_message_names_the_runbook_and_links_to_it_where_its_address_is_configured(
    alarm: Alarm, settings: Settings
) -> None:
    settings.ADMINS = [("operator", "operator@example.com")]
    notifications.send_mail(alarm)
    settings.RUNBOOK_URL = "https://docs.example.com/runbooks/{name}.html"
    notifications.send_mail(alarm)
    named, linked = mail.outbox
    assert f"runbook: docs/runbooks/{alarm.cause}.md" in named.body
    assert f"runbook: https://docs.example.com/runbooks/{alarm.cause}.html" in linked.body


def test_every_cause_has_an_advice() -> None:
    assert set(notifications.ADVICE) == set(Cause)


def test_what_a_person_has_marked_as_resolved_is_no_alarm(row: SubscriberRequest) -> None:
    rows, hour = SubscriberRequest.objects.filter(pk=row.pk), timedelta(hours=1)
    rows.update(status=Status.REFUSED, finished_at=Now())
    assert causes() == {"refused": 1}
    ResolutionNote.objects.create(request=row, note="Done by hand")
    assert causes() == {}
    rows.update(give_up_at=Now() - hour)
    assert causes() == {}


def test_open_alarms_show_in_metrics_and_admin(
    alarm: Alarm, client: Client, admin_client: Client
) -> None:
    line = 'unsub_alarms_open{cause="held",mid="510001"} 1.0'
    assert line in client.get("/metrics").content.decode()
    assert "Example Outfitters (510001)" in admin_client.get("/admin/unsub/alarm/").content.decode()
    assert admin_client.get("/admin/unsub/alarm/add/").status_code == 403


def test_requests_that_wait_in_the_spool_for_long_or_near_its_limit_are_an_alarm(
    unit: BusinessUnit, make_submission: MakeSubmission, settings: Settings,
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    spool.push(make_submission())
    assert causes() == {}
    settings.SPOOL_MAX_PER_UNIT = 1
    assert causes() == {"spooled": 1}
    settings.SPOOL_MAX_PER_UNIT = 100
    monkeypatch.setattr(detection, "SPOOLED_SECONDS", -1)
    assert causes() == {"spooled": 1}
    assert look() == ["open"]
    with monkeypatch.context() as patch:
        patch.setattr(detection, "_spool", SpoolQueue(redis.Redis(port=1)))
        assert causes() == {"spooled": 1}  # as before, while Redis does not answer
    tasks.record()
    assert look() == ["over"]


def test_a_dead_letter_is_an_alarm_until_it_is_tried_again(
    unit: BusinessUnit, make_submission: MakeSubmission, receiver: Receiver
) -> None:
    spool._queue.push(PARENT, "x", b"not sealed", most=9)
    tasks.record()
    assert causes() == {"dead_letter": 1}
    assert look() == ["open"]
    pass_time()
    assert look() == []
    spool.put_back(PARENT, ["x"])
    assert look() == ["over"]


@pytest.mark.usefixtures("database_away")
def test_while_the_database_is_away_people_are_told_of_the_spool_once_an_hour(
    make_submission: MakeSubmission, settings: Settings, receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.ADMINS = [("operator", "operator@example.com")]
    spool.push(make_submission())
    monkeypatch.setattr(detection, "SPOOLED_SECONDS", -1)
    for _ in range(3):
        tasks.watch()
    (email,) = mail.outbox
    assert email.subject.endswith("Requests waiting in the spool (510001)")
    assert "ada" not in email.body
    ((body, _),) = receiver.received
    content = json.loads(body)
    assert (content["cause"], content["mid"], content["requests"]) == ("spooled", PARENT, 1)


@pytest.mark.usefixtures("database_away")
def test_what_the_only_channel_did_not_accept_is_told_with_the_next_look(
    make_submission: MakeSubmission, settings: Settings, receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.ADMINS = []
    spool.push(make_submission())
    monkeypatch.setattr(detection, "SPOOLED_SECONDS", -1)
    receiver.statuses = [503, 200]
    for _ in range(3):
        without_database.notify()
    assert len(receiver.received) == 2


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


def test_a_completed_look_pings_the_dead_man_s_switch(
    receiver: Receiver, settings: Settings
) -> None:
    settings.WATCH_PING_URL = f"{receiver.url}/secret-check"
    settings.ALERT_WEBHOOK_URL = ""
    tasks.watch()
    assert [body for body, _ in receiver.received] == [b""]
    ages = heartbeat.ages(quick_client())
    assert ages["watch"] is not None


@pytest.mark.usefixtures("database_away")
def test_a_look_that_was_not_completed_pings_nothing(
    receiver: Receiver, settings: Settings
) -> None:
    settings.WATCH_PING_URL = f"{receiver.url}/secret-check"
    tasks.watch()
    assert receiver.received == []
    assert heartbeat.ages(quick_client())["watch"] is None


@pytest.mark.parametrize("status", [302, 404, None])
def test_a_ping_that_fails_is_logged_without_its_url(
    receiver: Receiver, settings: Settings, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch, status: int | None,
) -> None:  # fmt: skip
    receiver.statuses = [status or 200]
    base = receiver.url if status else "http://127.0.0.1:1"
    settings.WATCH_PING_URL = f"{base}/secret-check"
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    dead_mans_switch.ping()
    told = caplog.text
    assert "watch_ping_failed" in told
    assert "secret-check" not in told


def test_a_schedule_of_backups_that_is_not_kept_is_an_alarm(client: Client) -> None:
    assert Cause.BACKUP not in {found.cause for found in detection.find()}
    assert b"\nunsub_backup_seconds" not in client.get("/metrics").content
    schedule = BackupSchedule.objects.create(every_seconds=3600)
    for began, completed, is_late in (
        (1, None, False),
        (2, None, True),
        (9, 1, False),
        (9, 2, True),
    ):
        BackupSchedule.objects.update(
            began_at=Now() - timedelta(hours=began),
            completed_at=None if completed is None else Now() - timedelta(hours=completed),
        )
        found = [one for one in detection.find() if one.cause == Cause.BACKUP]
        assert [one.mid for one in found] == [0] * is_late
    figures = client.get("/metrics").content.decode()
    assert re.search(r"^unsub_backup_seconds 7[23]\d\d\.", figures, re.MULTILINE)
    assert "\nunsub_backup_interval_seconds 3600.0" in figures
    detection.evaluate()
    assert Alarm.objects.filter(cause=Cause.BACKUP, mid=0, cleared_at=None).exists()
    schedule.delete()
    detection.evaluate()
    assert not Alarm.objects.filter(cause=Cause.BACKUP, cleared_at=None).exists()
