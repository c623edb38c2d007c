"""Probes and metrics."""

import re

import pytest
import redis
from django.test import Client
from pytest_django.fixtures import Settings

from unsub.models import BusinessUnit, Status, UnsubRequest

from .conftest import link

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_a_living_process_says_so(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_ready_means_database_and_broker(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": True, "broker": True})
    away = redis.Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr("unsub.views.health._broker", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": True, "broker": False})


@pytest.mark.usefixtures("database_away")
def test_without_a_database_it_is_not_ready_and_the_metrics_say_so(client: Client) -> None:
    assert client.get("/readyz").json() == {"database": False, "broker": True}
    text = client.get("/metrics").content.decode()
    assert "unsub_database_up 0.0" in text
    assert "unsub_bad_links_total" in text


def test_metrics_tell_where_requests_stand_and_name_nobody(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    client.get("/u/bad")
    client.post(link(settings))
    client.post(link(settings, 1002))
    UnsubRequest.objects.filter(subscriber_id=1002).update(status=Status.REFUSED)
    text = client.get("/metrics").content.decode()
    for line in (
        'unsub_requests{mid="510001",status="pending"} 1.0',
        'unsub_requests{mid="510001",status="refused"} 1.0',
        'unsub_oldest_pending_seconds{mid="510001"}',
        'unsub_unit_held{mid="510001"} 0.0',
        "unsub_database_up 1.0",
        'unsub_bad_links_total{reason="malformed"}',
        'unsub_wishes_total{channel="one_click",repeated="false"}',
    ):
        assert line in text
    # Names and labels: among the values are times, which may hold any digits.
    labels = re.sub(r" [0-9.e+]+$", "", text, flags=re.MULTILINE)
    assert "1002" not in labels.replace("510002", "")
