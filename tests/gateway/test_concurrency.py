"""No more concurrent calls than the vendor allows, from all processes together."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from tests.talker import talking
from unsub.gateway import concurrency
from unsub.infra.redis_client import quick_client


def test_pages_and_deliveries_share_the_number_of_slots_and_take_none_of_one_another(
    settings: Settings,
) -> None:
    settings.SFMC_CONCURRENCY, settings.SFMC_PAGE_CONCURRENCY = 4, 1
    with ExitStack() as stack:
        assert [stack.enter_context(concurrency.call_slot()) for _ in range(5)] == [True] * 3 + [
            False
        ] * 2
        pages = concurrency.Caller.PAGES
        assert [stack.enter_context(concurrency.call_slot(pages)) for _ in range(3)] == [
            True, False, False,
        ]  # fmt: skip
    with concurrency.call_slot() as free:
        assert free


@pytest.mark.parametrize(("lease", "is_free"), [(3600, False), (0, True)])
def test_a_slot_of_a_holder_who_died_is_free_after_the_lease(
    settings: Settings, lease: int, is_free: bool
) -> None:
    settings.SFMC_CONCURRENCY = 1
    settings.LEASE_SECONDS = lease
    holder = concurrency.call_slot()
    assert holder.__enter__()
    with concurrency.call_slot() as free:
        assert free is is_free


def test_concurrent_calls_never_exceed_the_limit(settings: Settings) -> None:
    settings.SFMC_CONCURRENCY, settings.SFMC_PAGE_CONCURRENCY = 6, 2
    all_have_tried = Barrier(16, timeout=60)

    def ask(_: int) -> bool:
        with concurrency.call_slot() as free:
            all_have_tried.wait()
        return free

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(16))) == 4
        assert sum(pool.map(ask, range(16))) == 4


def test_a_thread_that_was_refused_a_slot_waits_until_this_process_releases_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "_refused_at", {})
    monkeypatch.setattr(concurrency, "REFUSED_FOR", 3600.0)
    settings.SFMC_CONCURRENCY, settings.SFMC_PAGE_CONCURRENCY = 2, 1
    with ThreadPoolExecutor(1) as pool, concurrency.call_slot() as mine:
        assert mine
        with concurrency.call_slot() as free:
            assert not free
        assert concurrency.were_in_use()
        assert not concurrency.were_in_use(concurrency.Caller.PAGES)
        assert not concurrency.wait_for_slot(0.01)
        waiting = pool.submit(_slot_after_waiting)
    assert waiting.result(60)


def _slot_after_waiting() -> bool:
    """Return whether a slot was free after this process had released one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with concurrency.call_slot() as free:
            if free:
                return True
        concurrency.wait_for_slot(0.05)
    return False


def test_without_redis_calls_are_made_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> int:
        raise redis.ConnectionError

    monkeypatch.setattr(concurrency, "_acquire", fails)
    with concurrency.call_slot() as free:
        assert free


def test_a_quick_client_calls_a_silent_server_once_and_gives_up(settings: Settings) -> None:
    with talking() as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.port}/0"
        with quick_client(0.5) as client, pytest.raises(redis.TimeoutError):
            client.ping()
        assert silent.connections == 1


def test_a_quick_client_waits_no_longer_for_a_connection_than_for_a_reply() -> None:
    with quick_client() as client:
        options = client.connection_pool.connection_kwargs
    given = {options["socket_timeout"], options["socket_connect_timeout"]}
    assert given == {django_settings.REDIS_TIMEOUT} == {0.2}
