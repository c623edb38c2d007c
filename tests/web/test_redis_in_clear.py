"""Redis has nobody in clear: neither in its memory nor in the file that outlives its values."""

import base64
import pickle
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.cache import caches
from django.test import Client
from pytest_django.fixtures import Settings

from profilecenter.cache import SealedValueError
from profilecenter.celery import app as celery
from tests.helpers import PARENT, MakeSubmission, link, rotate_digest_key
from unsub.domain.context import SubscriberContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.infra import sealing, spool_queue
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import spool
from unsub.sandbox import Sandbox
from unsub.sfmc import MailList, Profile

from .helpers import path

pytestmark = pytest.mark.django_db(transaction=True)
ADA = SubscriberContext(
    subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
)


class Marker:
    """Notes that it was unpickled."""

    was_read = False

    def __reduce__(self) -> Any:
        return setattr, (Marker, "was_read", True)


class MarkerString(str):
    """A text that JSON would take for another."""

    __slots__ = ()


# Before each command of another database than the one before it, in an append-only file.
_SELECT = re.compile(rb"\*2\r\n\$6\r\nSELECT\r\n\$\d+\r\n(\d+)\r\n")


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The broker."""
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        yield client


@pytest.fixture
def written_down(broker: redis.Redis) -> Iterator[None]:
    """The append-only file is switched on, as in a deployment. For one test alone: the server is
    that of all workers of a run."""
    # Without fsync no write is put off while an earlier one is synchronised.
    broker.config_set("appendfsync", "no")
    broker.config_set("appendonly", "yes")
    until = time.monotonic() + 60
    while _is_rewriting(broker):
        assert time.monotonic() < until, "the server still writes what it had before"
        time.sleep(0.01)
    yield
    broker.config_set("appendonly", "no")
    broker.config_set("appendfsync", "everysec")


def _is_rewriting(broker: redis.Redis) -> bool:
    """Return whether what follows is not yet in a file of the final name."""
    state = broker.info("persistence")
    return bool(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


def forms(text: str) -> set[bytes]:
    """Return a text as it is, and as it can stand inside base64, at each offset."""
    found = {text.encode()}
    for offset in range(3):
        encoded = base64.urlsafe_b64encode(b"x" * offset + text.encode()).rstrip(b"=")
        found.add(encoded[2 if offset else 0 :][2:-2])
    return found


def in_memory(broker: redis.Redis) -> bytes:
    """Return all keys and values."""
    found = b""
    for key in broker.scan_iter():
        found += key + (broker.dump(key) or b"") + _value(broker, key)
    return found


def _value(broker: redis.Redis, key: bytes) -> bytes:
    if broker.type(key) == b"hash":
        return b"".join(broker.hgetall(key).values())  # type: ignore[arg-type]
    if broker.type(key) == b"zset":
        return b"".join(broker.zrange(key, 0, -1))  # type: ignore[arg-type]
    return broker.get(key) or b"" if broker.type(key) == b"string" else b""  # type: ignore[return-value]


def _token(broker: redis.Redis) -> str:
    """Return the access token that the cache has."""
    (key,) = [found.decode() for found in broker.scan_iter("*sfmc-token:*")]
    stored = caches["shared"].get(key.partition(":1:")[2])
    return str(stored["value"])


def in_the_file(broker: redis.Redis) -> bytes:
    """Return what the server wrote to its append-only file about this worker's database."""
    config = broker.config_get("*dir*")
    folder = Path(config["dir"] or "") / (config["appenddirname"] or "")
    written = b"".join(part.read_bytes() for part in sorted(folder.glob("*.incr.aof")))
    number = broker.connection_pool.connection_kwargs["db"]
    _, *parts = _SELECT.split(written)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return b"".join(commands for database, commands in pairs if int(database) == number)


@pytest.mark.usefixtures("written_down")
def test_after_visits_and_a_spooled_request_nobody_is_in_redis_in_clear(
    client: Client, unit: BusinessUnit, settings: Settings, sandbox: Sandbox,
    make_submission: MakeSubmission, broker: redis.Redis,
) -> None:  # fmt: skip
    BusinessUnit.objects.update(profile_centre=True)
    assert "a•••@example.com" in client.get(path(settings, ADA)).content.decode()
    client.get(f"{path(settings, ADA)}/details")
    client.get(link(settings, ADA))
    submission = make_submission(ADA)
    spool.push(submission)
    found = in_memory(broker)
    assert b":profile:profile:" in found
    assert b"sfmc-token" in found
    token = _token(broker)
    assert token.encode() not in found + in_the_file(broker)
    assert spool_queue.UNITS.encode() in found
    written = in_the_file(broker)
    assert b":profile:profile:" in written
    for text in ("ada@example.com", "ada-1001"):
        for form in forms(text):
            assert form not in found, form
            assert form not in written, form
    for part in submission.token.split("."):
        assert part.encode() not in found + written


def test_a_spooled_request_is_read_after_a_change_of_the_digest_key(
    unit: BusinessUnit, settings: Settings, make_submission: MakeSubmission
) -> None:
    spool.push(make_submission(ADA))
    rotate_digest_key(settings)
    assert [row.subscriber_id for row in spool.drain()] == [1001]


def test_a_spool_entry_under_a_lost_key_is_kept_and_blocks_no_other(
    unit: BusinessUnit, settings: Settings, make_submission: MakeSubmission, broker: redis.Redis
) -> None:
    spool.push(make_submission(ADA))
    settings.DIGEST_KEYRING = DigestKeyring.from_json({"2": "another digest key " * 2})
    spool.push(make_submission(1002))
    assert [row.subscriber_id for row in spool.drain()] == [1002]
    assert SpoolQueue(broker).dead_sizes()[PARENT].number == 1
    assert SubscriberRequest.objects.count() == 1


def test_the_cache_reads_only_what_was_sealed_for_it(
    settings: Settings, broker: redis.Redis
) -> None:
    cache, shared = caches["default"], caches["shared"]
    cache.set("one", {"name": "Ada"})
    assert cache.get("one") == {"name": "Ada"}
    cache.set("number", 1)
    assert cache.incr("number") == 2
    # A forged value is a miss. One that is sealed, too: with a pickle in it, of a class that no
    # value has, or of another version.
    inner = b'{"class": "Popen", "value": {"args": "true"}}'
    other = b'{"class": "MailList", "value": {"colour": "red"}}'
    for forged in (
        pickle.dumps(Marker()), sealing.seal("cache", pickle.dumps(Marker())),
        sealing.seal("spool", b"1.5"), sealing.seal("cache", inner), sealing.seal("cache", other),
        sealing.seal("cache", b"[" * 100_000),
    ):  # fmt: skip
        broker.set(cache.make_key("one"), forged)
        assert cache.get("one", "missing") == "missing"
        broker.set(shared.make_key("one"), forged)
        with pytest.raises(SealedValueError):
            shared.get("one")
    assert not Marker.was_read
    cache.set("one", 1.5)
    rotate_digest_key(settings)
    assert cache.get("one") == 1.5


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0.5, "Ada", [1, [2]], (1, ("a", None)), {1: "Active", 2: "Held"},
        {"510001": (0.5, None, 3)},
        [MailList(list_id=7001, name="Weekly", description="", is_public=True)],
        Profile(subscriber_id=1, subscriber_key="a", email_address="", status="Active",
                email_type="HTML", attributes={"City": "Rome", "class": "tuple"}),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_cached_value_is_read_as_it_was_stored(value: Any) -> None:
    for name in ("default", "shared"):
        caches[name].set("one", value)
        found = caches[name].get("one", "missing")
        assert (found, type(found)) == (value, type(value))


def test_a_value_that_json_cannot_have_is_refused() -> None:
    for value in (object(), {Marker()}, Marker, MarkerString("a")):
        with pytest.raises(TypeError):
            caches["shared"].set("one", value)


def test_nothing_is_set_up_to_use_pickle() -> None:
    configured: dict[str, Any] = django_settings.CACHES
    for one in configured.values():
        assert one["OPTIONS"]["serializer"] == "profilecenter.cache.SealedSerializer"
    assert "pickle" not in {celery.conf.task_serializer, celery.conf.result_serializer}
    assert set(celery.conf.accept_content) == {"json"}
    assert django_settings.SESSION_SERIALIZER.endswith(".JSONSerializer")
    assert django_settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"
    assert django_settings.MESSAGE_STORAGE.startswith("django.contrib.messages.storage.")
