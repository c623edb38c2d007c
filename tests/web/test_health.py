"""Health endpoints and metrics."""

import re
import socket
from collections.abc import Iterator
from importlib import import_module

import pytest
import redis
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from scripts.servers import Valkey, free_port
from tests.helpers import PARENT, link, settle
from tests.plugins.cast import WithoutWrites
from unsub import tasks
from unsub.alerting import outages
from unsub.infra import heartbeat, write_probe
from unsub.infra.redis_client import quick_client
from unsub.models import BusinessUnit, Cause, Status, SubscriberRequest, WriteProbe
from unsub.outbox import spool

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "profilecenter:heartbeat"
UNKNOWN = {
    "broker": False, "worker_seconds": None, "beat_seconds": None, "sweep_seconds": None,
    "watch_seconds": None, "degraded": True,
}  # fmt: skip


def test_healthz_answers(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("host", ["10.0.0.7:8000", "[2001:db8::1]:8000", "web", "a_b", "", "a b"])
def test_probes_are_answered_under_any_host_and_are_not_redirected(
    client: Client, settings: Settings, path: str, host: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for method in (client.get, client.head):
        assert method(path, headers={"host": host}).status_code == 200
        headers = {"host": host, "x-forwarded-proto": "http", "accept-encoding": "gzip"}
        assert method(path, headers=headers).status_code == 200
    assert client.post(path, headers={"host": host}).status_code == 405


@pytest.fixture
def heartbeats() -> Iterator[redis.Redis]:
    """The broker, with current heartbeats of a worker and of beat."""
    broker = quick_client()
    for name in heartbeat.NAMES:
        heartbeat.record(name)
    yield broker
    broker.delete(KEY)


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the broker of the health endpoints unreachable."""
    away = redis.Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr("unsub.web.health._broker", away)
    # The package's attribute `metrics` is the view, not the module.
    monkeypatch.setattr(import_module("unsub.web.metrics"), "_broker", away)


@pytest.mark.usefixtures("heartbeats")
def test_readyz_reports_database_broker_and_heartbeats(client: Client) -> None:
    answer = client.get("/readyz")
    told = answer.json()
    assert answer.status_code == 200
    assert {told.pop(f"{name}_seconds") < 60 for name in heartbeat.NAMES} == {True}
    assert told == {"database": True, "broker": True, "degraded": False}


@pytest.mark.usefixtures("heartbeats", "broker_away")
def test_without_a_broker_readyz_fails_and_metrics_say_so(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, UNKNOWN | {"database": True})
    text = client.get("/metrics").content.decode()
    assert "unsub_broker_up 0.0" in text
    assert "last_seen_seconds" not in text


@pytest.fixture(params=["refuses", "hangs"])
def rabbitmq_away(request: pytest.FixtureRequest, settings: Settings) -> Iterator[None]:
    """A RabbitMQ that is configured, and refuses connections or accepts them and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if request.param == "refuses":
            server.close()
            port = free_port()
        else:
            port = server.getsockname()[1]
        settings.RABBITMQ_URL = f"amqp://profilecenter:secret@127.0.0.1:{port}/"
        write_probe.forget()
        yield
    write_probe.forget()


@pytest.mark.usefixtures("heartbeats", "rabbitmq_away")
def test_a_configured_rabbitmq_that_does_not_answer_is_told_beside_a_redis_that_does(
    client: Client,
) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["broker"]) == (503, False)
    # Redis has them.
    assert answer.json()["worker_seconds"] is not None
    assert "unsub_broker_up 0.0" in client.get("/metrics").content.decode()
    assert outages.look().there == {Cause.BROKER: "RabbitMQ"}


@pytest.mark.parametrize(
    ("name", "sweep", "limit"),
    [
        *((name, 1, 120) for name in ("worker", "beat", "sweep")),
        *((name, 30, 150) for name in ("worker", "beat", "sweep")),
        ("watch", 1, 300),
    ],
)
def test_without_a_recent_heartbeat_readyz_is_degraded_and_still_succeeds(
    client: Client, settings: Settings, heartbeats: redis.Redis, name: str, sweep: int, limit: int
) -> None:
    settings.SWEEP_SECONDS = sweep
    heartbeats.hincrbyfloat(KEY, name, 20 - limit)
    assert client.get("/readyz").json()["degraded"] is False
    heartbeats.hincrbyfloat(KEY, name, -21)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["degraded"]) == (200, True)
    assert answer.json()[f"{name}_seconds"] > limit


def test_a_process_that_was_never_seen_is_degraded_and_has_no_age(
    client: Client, heartbeats: redis.Redis
) -> None:
    heartbeats.hdel(KEY, "worker")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert (answer.json()["worker_seconds"], answer.json()["degraded"]) == (None, True)
    text = client.get("/metrics").content.decode()
    assert "unsub_worker_last_seen_seconds" not in text
    assert "unsub_beat_last_seen_seconds" in text
    assert "unsub_broker_up 1.0" in text


@pytest.mark.usefixtures("heartbeats")
def test_a_database_that_takes_no_writes_shows_in_readyz_and_metrics(
    client: Client, unit: BusinessUnit, database_without_writes: WithoutWrites
) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, False)
    text = client.get("/metrics").content.decode()
    assert "unsub_database_up 0.0" in text
    assert 'unsub_unit_held{mid="510001"}' in text
    database_without_writes.end()
    assert client.get("/readyz").status_code == 200
    assert "unsub_database_up 1.0" in client.get("/metrics").content.decode()


@pytest.fixture
def read_only_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker that answers and takes no writes, with recent heartbeats."""
    server = Valkey()
    server.start()
    client = redis.Redis.from_url(server.url)
    monkeypatch.setattr("unsub.web.health._broker", client)
    monkeypatch.setattr(import_module("unsub.web.metrics"), "_broker", client)
    monkeypatch.setattr(heartbeat, "_broker", client)
    for name in heartbeat.NAMES:
        heartbeat.record(name)
    client.config_set("min-replicas-to-write", 1)
    yield
    client.close()
    server.close()


@pytest.mark.usefixtures("read_only_broker")
def test_a_broker_that_takes_no_writes_shows_in_readyz_and_metrics(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["broker"]) == (503, False)
    assert answer.json()["degraded"] is False
    text = client.get("/metrics").content.decode()
    assert "unsub_broker_up 0.0" in text
    assert "unsub_beat_last_seen_seconds" in text


def test_the_write_probe_leaves_nothing_and_is_asked_once_in_a_while(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(write_probe, "KNOWN_FOR", 3600.0)
    client.get("/readyz")
    with django_assert_num_queries(0):
        assert client.get("/readyz").json()["database"] is True
    assert not WriteProbe.objects.exists()


@pytest.mark.usefixtures("heartbeats", "database_away")
def test_without_a_database_readyz_fails_and_metrics_say_so(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["degraded"]) == (False, False)
    text = client.get("/metrics").content.decode()
    assert "unsub_database_up 0.0" in text
    assert "unsub_bad_links_total" in text


def test_metrics_count_requests_and_name_no_person(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    client.get("/u/bad")
    client.post(link(settings))
    client.post(link(settings, 1002))
    spool._queue.push(PARENT, "x", b"not sealed", most=9)
    tasks.record()
    spool._queue.push(PARENT, "y", b"", most=9)
    settle(SubscriberRequest.objects.filter(subscriber_id=1002), Status.REFUSED)
    text = client.get("/metrics").content.decode()
    for line in (
        'unsub_requests{mid="510001",status="pending"} 1.0',
        'unsub_requests{mid="510001",status="refused"} 1.0',
        'unsub_oldest_pending_seconds{mid="510001"}',
        'unsub_unit_held{mid="510001"} 0.0',
        "unsub_database_up 1.0",
        'unsub_spool{mid="510001"} 1.0',
        'unsub_spool_oldest_seconds{mid="510001"}',
        'unsub_dead_letters{mid="510001"} 1.0',
        'unsub_dead_letters_oldest_seconds{mid="510001"}',
        'unsub_bad_links_total{reason="malformed"}',
        'unsub_requests_accepted_total{channel="one_click",repeated="false"}',
    ):
        assert line in text
    # Names and labels only: values include times, which may contain any digits.
    labels = re.sub(r" [-0-9.e+]+$", "", text, flags=re.MULTILINE)
    assert "1002" not in labels.replace("510002", "")
