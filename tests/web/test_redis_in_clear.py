"""Redis has nobody in clear: neither in its memory nor in the file that outlives its values."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from django.core.cache import caches
from django.test import Client
from pytest_django.fixtures import Settings

from profilecenter.cache import SealedValueError
from tests.helpers import MakeSubmission, link, rotate_digest_key
from unsub.domain.context import SubscriberContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.infra import sealing
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import spool
from unsub.sandbox import Sandbox

from .helpers import path

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ADA = SubscriberContext(
    subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
)


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The broker, with its append-only file switched on as in a deployment."""
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.config_set("appendonly", "yes")
        yield client
        client.config_set("appendonly", "no")


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
    if broker.type(key) == b"list":
        return b"".join(broker.lrange(key, 0, -1))  # type: ignore[arg-type]
    return broker.get(key) or b"" if broker.type(key) == b"string" else b""  # type: ignore[return-value]


def in_the_file(broker: redis.Redis) -> bytes:
    """Return what the server wrote to its append-only file."""
    config = broker.config_get("*dir*")
    folder = Path(config["dir"] or "") / (config["appenddirname"] or "")
    return b"".join(part.read_bytes() for part in sorted(folder.glob("*.aof")))


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
    assert spool.KEY.encode() in found
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
    broker.rpush(spool.KEY, b"\xff not sealed", sealing.seal("spool", b"[1]"))
    spool.push(make_submission(1002))
    assert [row.subscriber_id for row in spool.drain()] == [1002]
    assert broker.llen(spool.DEAD_LETTERS) == 3
    assert SubscriberRequest.objects.count() == 1


def test_the_cache_reads_only_what_was_sealed_for_it(
    settings: Settings, broker: redis.Redis
) -> None:
    cache, shared = caches["default"], caches["shared"]
    cache.set("one", {"name": "Ada"})
    assert cache.get("one") == {"name": "Ada"}
    cache.set("number", 1)
    assert cache.incr("number") == 2
    # A forged value is a miss, and is not unpickled.
    for forged in (b"\x80\x05K\x01.", sealing.seal("spool", b"\x80\x05K\x01.")):
        broker.set(cache.make_key("one"), forged)
        assert cache.get("one", "missing") == "missing"
        broker.set(shared.make_key("one"), forged)
        with pytest.raises(SealedValueError):
            shared.get("one")
    cache.set("one", 1.5)
    rotate_digest_key(settings)
    assert cache.get("one") == 1.5
