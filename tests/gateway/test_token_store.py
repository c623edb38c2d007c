"""The access token that all processes share."""

import time
from typing import Any

import pytest
import redis
from django.conf import settings

from unsub.gateway import token_store
from unsub.gateway.token_store import CachedTokenStore
from unsub.sfmc import Token


def _token(value: str) -> Token:
    now = time.time()
    return Token(value=value, expires_at=now + 900, renew_at=now + 800, soap_url="")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are read from the cache."""
    keys: list[str] = []
    real = token_store._shared.get

    def get(key: str) -> object:
        keys.append(key)
        return real(key)

    monkeypatch.setattr(token_store._shared, "get", get)
    return keys


def test_messages_in_a_row_read_the_token_once(
    reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = CachedTokenStore("name"), CachedTokenStore("name")
    monkeypatch.setattr(token_store, "READ_SECONDS", 3600.0)
    other.put(_token("first"))
    for _ in range(3):
        found = mine.get()
        assert found is not None
        assert found.value == "first"
    assert len(reads) == 1


@pytest.mark.parametrize("act", ["lock", "put", "time"])
def test_a_token_that_was_renewed_meanwhile_is_read_again(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = CachedTokenStore("name"), CachedTokenStore("name")
    monkeypatch.setattr(token_store, "READ_SECONDS", -1.0 if act == "time" else 3600.0)
    other.put(_token("first"))
    assert mine.get() is not None
    other.put(_token("second"))
    if act == "lock":
        with mine.lock() as is_mine:
            assert is_mine
    elif act == "put":
        mine.put(_token("second"))
    found = mine.get()
    assert found is not None
    assert found.value == "second"


def test_the_lock_of_a_process_killed_during_a_renewal_ends_before_others_stop_waiting() -> None:
    held = CachedTokenStore("one").lock()
    assert held.__enter__()  # and never __exit__, as after SIGKILL
    with CachedTokenStore("one").lock() as mine:
        assert not mine
    client: Any = redis.Redis.from_url(settings.CACHE_URL)
    (key,) = client.scan_iter("*sfmc-token-renewal*")
    assert 0 < client.ttl(key) <= settings.SFMC_TIMEOUT / 2


def test_only_one_process_renews_at_a_time() -> None:
    with CachedTokenStore("one").lock() as first, CachedTokenStore("one").lock() as second:
        assert (first, second) == (True, False)
    with CachedTokenStore("one").lock() as third:
        assert third


def test_a_token_of_another_version_is_read_as_far_as_it_is_known() -> None:
    token = _token("shared")
    fields = {name: getattr(token, name) for name in token_store._FIELDS}
    store = CachedTokenStore("name")
    token_store._shared.set("sfmc-token:name", fields | {"of_tomorrow": "x"})
    assert store.get() == token


@pytest.mark.parametrize("shared", [{"value": "of another version"}, ["of another version"]])
def test_a_token_that_lacks_something_counts_as_none(shared: object) -> None:
    token_store._shared.set("sfmc-token:name", shared)
    assert CachedTokenStore("name").get() is None
