"""Retention of events, alarms about endpoints, metrics, and what the database refuses."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, made, request
from tests.webhooks.conftest import MakeEndpoint
from tests.webhooks.receiver import Receiver, status
from unsub.alerting import detection
from unsub.domain.context import SubscriberContext
from unsub.models import (
    DEPLOYMENT,
    Alarm,
    BusinessUnit,
    Cause,
    DeliveryState,
    Erasure,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from unsub.outbox import retention
from unsub.webhooks import endpoints, recording, sending


def accept() -> None:
    """Record that a request was accepted."""
    recording.accepted(PARENT, [request(status="pending", attempts=0).pk])


def alarms() -> dict[str, tuple[int, int, str]]:
    """Evaluate, and return MID, number and detail of each open alarm about webhooks."""
    detection.evaluate()
    rows = Alarm.objects.filter(cleared_at=None, cause__startswith="webhook")
    return {one.cause: (one.mid, one.number, one.detail) for one in rows}


def test_events_are_deleted_with_their_deliveries_after_their_time(
    endpoint: WebhookEndpoint, settings: Settings
) -> None:
    accept()
    accept()
    sending.drain(endpoint.pk)
    old = WebhookEvent.objects.earliest("pk")
    WebhookEvent.objects.filter(pk=old.pk).update(occurred_at=Now() - timedelta(days=31))
    assert retention.counts()["webhook_events"] == 1
    assert retention.apply()["webhook_events"] == 1
    assert not WebhookEvent.objects.filter(pk=old.pk).exists()
    assert WebhookEvent.objects.count() == WebhookDelivery.objects.count() == 1
    assert WebhookAttempt.objects.count() == 1


def test_old_events_keep_no_subscriber_from_being_forgotten(
    endpoint: WebhookEndpoint, unit: BusinessUnit
) -> None:
    accept()
    WebhookEvent.objects.update(occurred_at=Now() - timedelta(days=31))
    made(31).save()
    BusinessUnit.objects.update(retention_days=30)
    done = retention.apply(chunks=1)
    assert (done["requests"], done.get("webhook_events")) == (1, None)
    assert retention.apply(chunks=1)["webhook_events"] == 1


def test_an_erased_subscriber_is_no_longer_named_after_a_week(
    make_endpoint: MakeEndpoint,
) -> None:
    make_endpoint(state="paused")
    asked = Erasure.objects.create(unit_id=PARENT, subscriber_digest="d", subscriber_id=1001)
    recording.erased(asked, {SubscriberContext(subscriber_id=1001)})
    retention.apply()
    assert WebhookEvent.objects.get().sealed_subscribers
    WebhookEvent.objects.update(occurred_at=Now() - retention.ERASED_TOLD_FOR)
    assert retention.apply()["webhook_erasures"] == 1
    assert WebhookEvent.objects.get().sealed_subscribers == ""


def test_what_was_tried_is_never_changed(endpoint: WebhookEndpoint) -> None:
    accept()
    sending.drain(endpoint.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookAttempt.objects.update(result="delivered", status_code=200, number=7)


def test_failed_deliveries_raise_an_alarm_until_they_are_sent_again(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(500))
    accept()
    sending.drain(endpoint.pk)
    assert alarms() == {}
    WebhookDelivery.objects.update(state=DeliveryState.FAILED, finished_at=Now())
    assert alarms() == {Cause.WEBHOOK_FAILING: (PARENT, 1, "Warehouse")}
    WebhookDelivery.objects.update(state=DeliveryState.DELIVERED)
    assert alarms() == {}


def test_an_endpoint_that_fails_for_an_hour_raises_an_alarm(
    make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    endpoint = make_endpoint(unit=None)
    receiver.behave(status(500))
    accept()
    sending.drain(endpoint.pk)
    WebhookEndpoint.objects.update(failing_since=F("failing_since") - timedelta(hours=2))
    assert alarms() == {Cause.WEBHOOK_FAILING: (DEPLOYMENT, 0, "Warehouse")}


def test_an_endpoint_that_was_disabled_raises_an_alarm_until_a_user_acts(
    endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.behave(status(410))
    accept()
    sending.drain(endpoint.pk)
    assert alarms() == {Cause.WEBHOOK_DISABLED: (PARENT, 1, "Warehouse")}
    endpoint.refresh_from_db()
    endpoints.change(endpoint, ["state"])
    assert Cause.WEBHOOK_DISABLED not in alarms()


def test_metrics_say_how_much_is_pending_and_for_how_long(
    endpoint: WebhookEndpoint, client: Client
) -> None:
    accept()
    text = client.get("/metrics").content.decode()
    assert f'unsub_webhooks_pending{{endpoint="{endpoint.pk}"}} 1.0' in text
    assert "unsub_webhooks_oldest_seconds" in text
