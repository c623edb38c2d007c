"""Not more calls at once than the vendor allows, whoever makes them."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock

import pytest
import redis
from pytest_django.fixtures import Settings

from unsub.gateway import concurrency
from unsub.infra.redis_client import quick_client


def test_there_are_as_many_slots_as_the_setting_says(settings: Settings) -> None:
    settings.SFMC_CONCURRENCY = 3
    with ExitStack() as stack:
        assert [stack.enter_context(concurrency.slot()) for _ in range(5)] == [True] * 3 + [
            False
        ] * 2
    with concurrency.slot() as free:
        assert free


def test_a_slot_of_a_holder_who_died_is_free_again(settings: Settings) -> None:
    settings.SFMC_CONCURRENCY = 1
    settings.LEASE_SECONDS = 0.3
    holder = concurrency.slot()
    assert holder.__enter__()
    with concurrency.slot() as free:
        assert not free
    time.sleep(0.35)
    with concurrency.slot() as free:
        assert free


def test_many_at_once_never_exceed_the_limit(settings: Settings) -> None:
    settings.SFMC_CONCURRENCY = 4
    lock, running, peak = Lock(), 0, 0

    def work(_: int) -> bool:
        nonlocal running, peak
        with concurrency.slot() as free:
            if not free:
                return False
            with lock:
                running += 1
                peak = max(peak, running)
            time.sleep(0.01)
            with lock:
                running -= 1
        return True

    with ThreadPoolExecutor(16) as pool:
        got = sum(pool.map(work, range(200)))
    assert 4 <= got < 200
    assert peak == 4


def test_without_redis_calls_go_on_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> int:
        raise redis.ConnectionError

    monkeypatch.setattr(concurrency, "_take", fails)
    with concurrency.slot() as free:
        assert free


def test_a_client_that_is_quick_gives_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr("django.conf.settings.REDIS_URL", "redis://127.0.0.1:1/0")
        client = quick_client()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    assert time.monotonic() - started < 2
