"""The second look: web processes tell people of outages, each once, by whatever is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings as live_settings
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from scripts.servers import Valkey
from tests.alerting.conftest import Receiver
from tests.helpers import person
from tests.plugins.cast import WithoutWrites
from unsub.alerting import outages, second_look, told
from unsub.alerting.outages import Confirmation
from unsub.infra import heartbeat, write_probe
from unsub.infra.redis_client import quick_client
from unsub.models import Alarm, BusinessUnit, Cause

pytestmark = pytest.mark.django_db(transaction=True)
HEARTBEATS = "profilecenter:heartbeat"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an outage count when it is seen, and the database be asked each time."""
    monkeypatch.setattr(outages, "CONFIRMED_AFTER", 0.0)
    monkeypatch.setattr(write_probe, "KNOWN_FOR", 0.0)


@pytest.fixture
def broker() -> redis.Redis:
    """The broker of a deployment in which everything is at work."""
    for name in heartbeat.NAMES:
        heartbeat.record(name)
    return quick_client()


@pytest.fixture
def own_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """A broker that the test may stop."""
    server = Valkey()
    try:
        server.start()
        client = redis.Redis.from_url(server.url, socket_connect_timeout=1)
        for module in (outages, heartbeat):
            monkeypatch.setattr(module, "_broker", client)
        monkeypatch.setattr(told, "_client", client)
        for name in heartbeat.NAMES:
            heartbeat.record(name)
        yield server
        client.close()
    finally:
        server.close()


class Database:
    """Takes the database away and brings it back."""

    def __init__(self) -> None:
        self._before = dict(connection.settings_dict)

    def go(self) -> None:
        """Make the database unreachable."""
        connection.close()
        connection.settings_dict.update(
            {"NAME": "/nowhere/db.sqlite3"} if connection.vendor == "sqlite" else {"PORT": 1}
        )

    def come_back(self) -> None:
        """Undo it."""
        connection.close()
        connection.settings_dict.update(self._before)


@pytest.fixture
def database() -> Iterator[Database]:
    """The database."""
    one = Database()
    yield one
    one.come_back()


def look() -> None:
    """Look once, as a web process does that was started just now."""
    second_look.look(Confirmation())


def age_by_ten_minutes(broker: redis.Redis, name: str) -> None:
    """Let the last heartbeat be ten minutes ago."""
    broker.hincrbyfloat(HEARTBEATS, name, -600)


def test_nothing_is_told_while_everything_is_at_work(
    broker: redis.Redis, receiver: Receiver
) -> None:
    look()
    assert receiver.received == []
    assert not Alarm.objects.exists()


@pytest.mark.parametrize("name", heartbeat.NAMES)
def test_what_is_silent_is_told_once_and_again_when_it_is_back(
    broker: redis.Redis, receiver: Receiver, settings: Settings, name: str
) -> None:
    settings.ADMINS = [("operator", "operator@example.com")]
    age_by_ten_minutes(broker, name)
    for _ in range(3):
        look()
    assert receiver.told() == [(name, "open")]
    assert len(mail.outbox) == 1
    heartbeat.record(name)
    for _ in range(3):
        look()
    assert receiver.told() == [(name, "open"), (name, "over")]
    assert len(mail.outbox) == 2


def test_an_outage_shows_in_admin_and_metrics(
    broker: redis.Redis, receiver: Receiver, client: Client, unit: BusinessUnit
) -> None:
    age_by_ten_minutes(broker, "beat")
    look()
    text = client.get("/metrics").content.decode()
    assert 'unsub_alarms_open{cause="beat",mid="0"} 1.0' in text
    page = person("operator").get("/admin/unsub/alarm/").content.decode()
    assert "beat isn’t running" in page
    assert "all business units" in page


def test_an_outage_counts_only_after_a_while(
    broker: redis.Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "CONFIRMED_AFTER", 60.0)
    clock = [1000.0]
    monkeypatch.setattr(outages, "monotonic", lambda: clock[0])
    one = Confirmation()
    age_by_ten_minutes(broker, "beat")
    for seconds in (0, 30, 29):
        clock[0] += seconds
        second_look.look(one)
    assert receiver.received == []
    heartbeat.record("beat")
    second_look.look(one)
    age_by_ten_minutes(broker, "beat")
    for seconds in (1, 59):
        clock[0] += seconds
        second_look.look(one)
    assert receiver.received == []
    clock[0] += 1
    second_look.look(one)
    assert receiver.told() == [("beat", "open")]


def test_a_new_deployment_has_time_until_its_first_heartbeats(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(outages, "monotonic", lambda: clock[0])
    one = Confirmation()
    for _ in range(7):
        second_look.look(one)
        clock[0] += 20
    assert receiver.received == []
    clock[0] += 60
    second_look.look(one)
    assert sorted(receiver.told()) == [("beat", "open"), ("worker", "open")]


def test_a_restarted_process_does_not_take_an_outage_for_over(
    broker: redis.Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    age_by_ten_minutes(broker, "beat")
    look()
    monkeypatch.setattr(outages, "CONFIRMED_AFTER", 60.0)
    look()
    assert receiver.told() == [("beat", "open")]
    assert Alarm.objects.filter(cleared_at=None).count() == 1


def test_an_outage_that_explains_another_is_told_alone(
    broker: redis.Redis, receiver: Receiver, database: Database
) -> None:
    for name in ("worker", "sweep", "watch"):
        age_by_ten_minutes(broker, name)
    database.go()
    look()
    assert receiver.told() == [("database", "open")]


def test_a_broker_that_takes_no_writes_is_told_once(own_broker: Valkey, receiver: Receiver) -> None:
    with redis.Redis.from_url(own_broker.url) as client:
        client.config_set("min-replicas-to-write", 1)
        for _ in range(2):
            look()
        assert receiver.told() == [("broker", "open")]
        client.config_set("min-replicas-to-write", 0)
    for _ in range(2):
        look()
    assert receiver.told() == [("broker", "open"), ("broker", "over")]


def test_while_the_database_is_away_outages_are_told_without_a_row(
    broker: redis.Redis, receiver: Receiver, database: Database
) -> None:
    database.go()
    for _ in range(2):
        look()
    age_by_ten_minutes(broker, "beat")
    for _ in range(2):
        look()
    assert receiver.told() == [("database", "open"), ("beat", "open")]
    heartbeat.record("beat")
    look()
    database.come_back()
    for _ in range(2):
        look()
    assert receiver.told()[2:] == [("beat", "over"), ("database", "over")]
    # For the history in the admin.
    alarm = Alarm.objects.get(cause=Cause.DATABASE)
    assert alarm.cleared_at
    assert alarm.raised_at < alarm.cleared_at


def test_a_database_that_takes_no_writes_is_told_without_a_row(
    broker: redis.Redis, receiver: Receiver, database_without_writes: WithoutWrites
) -> None:
    for _ in range(2):
        look()
    assert receiver.told() == [("database", "open")]
    assert not Alarm.objects.exists()
    database_without_writes.end()
    look()
    assert receiver.told()[1:] == [("database", "over")]
    assert Alarm.objects.get().cause == Cause.DATABASE


def test_what_was_told_with_a_row_is_not_told_again_without_one(
    broker: redis.Redis, receiver: Receiver, database: Database
) -> None:
    age_by_ten_minutes(broker, "beat")
    look()
    database.go()
    look()
    assert receiver.told() == [("beat", "open"), ("database", "open")]
    heartbeat.record("beat")
    database.come_back()
    look()
    look()
    assert sorted(receiver.told()[2:]) == [("beat", "over"), ("database", "over")]


def test_with_database_and_broker_away_a_file_remembers_what_was_told(
    own_broker: Valkey, receiver: Receiver, database: Database
) -> None:
    database.go()
    own_broker.stop()
    for _ in range(3):
        look()
    assert sorted(receiver.told()) == [("broker", "open"), ("database", "open")]
    own_broker.start()
    look()
    database.come_back()
    look()
    look()
    ended = [cause for cause, state in receiver.told() if state == "over"]
    assert sorted(ended) == ["broker", "database"]


def test_without_a_folder_to_write_the_process_remembers(
    own_broker: Valkey, receiver: Receiver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    monkeypatch.setattr(told._Own, "kept", told._Kept({}))
    database.go()
    own_broker.stop()
    for _ in range(3):
        look()
    assert sorted(receiver.told()) == [("broker", "open"), ("database", "open")]


def test_an_outage_that_could_not_be_told_is_told_later(
    broker: redis.Redis, receiver: Receiver, database: Database
) -> None:
    receiver.statuses = [500, 200]
    database.go()
    look()
    assert len(receiver.received) == 1
    look()
    assert len(receiver.received) == 1, "claimed: it was tried a moment ago"
    broker.delete("profilecenter:outages:claim:database:webhook:open")
    look()
    look()
    assert receiver.told() == [("database", "open")] * 2


def test_the_file_is_for_its_owner_alone(
    own_broker: Valkey, receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    database.go()
    look()
    (folder,) = tmp_path.glob("profilecenter-*")
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "outages.json").stat().st_mode & 0o077 == 0
    assert live_settings.SECRET_KEY not in (folder / "outages.json").read_text()


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"told": 1}', '{"told": {"x": "y"}}'])
def test_an_unreadable_file_is_started_anew(
    own_broker: Valkey, receiver: Receiver, database: Database, tmp_path: Path, content: str
) -> None:
    look()
    told.replace({})
    for folder in tmp_path.glob("profilecenter-*"):
        (folder / "outages.json").write_text(content)
    database.go()
    look()
    look()
    assert receiver.told() == [("database", "open")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_thread_goes_on_after_an_exception(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[object] = []

    def fail(confirmation: Confirmation) -> None:
        calls.append(confirmation)
        raise RuntimeError("a mistake of ours") if len(calls) == 1 else SystemExit

    monkeypatch.setattr(second_look, "EVERY", 0.01)
    monkeypatch.setattr(second_look, "look", fail)
    monkeypatch.setattr(second_look._Thread, "running", None)
    second_look.start()
    thread = second_look._Thread.running
    assert thread
    thread.join(30)
    second_look.start()
    assert second_look._Thread.running is thread, "one in each process"
    assert len(calls) == 2
    assert "second_look_failed" in caplog.text


def test_an_email_backend_that_fails_does_not_stop_the_webhook(
    broker: redis.Redis, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise ConnectionRefusedError

    settings.ADMINS = [("operator", "operator@example.com")]
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", refuse)
    age_by_ten_minutes(broker, "beat")
    look()
    assert receiver.told() == [("beat", "open")]
