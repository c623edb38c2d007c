"""Wake-ups of many requests at once."""

import threading
import time
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
import redis
from django.conf import settings

from tests.helpers import CHILD, PARENT
from tests.journeys.processes import wait_for
from unsub.outbox import wakeup

KEY = f"profilecenter:wakeup:{PARENT}:0"


def waiting(client: redis.Redis) -> int:
    """Return the number of tasks in the queue."""
    return int(client.llen("deliveries"))


@pytest.fixture(autouse=True)
def nothing_gathered() -> None:
    """Let no wake-up of an earlier test gather those of this one."""
    wakeup.forget_gathered()


def test_a_lone_wake_up_is_sent_at_once() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        wakeup.wake(PARENT)
        assert waiting(client) == 1


def test_a_wake_up_soon_after_another_is_sent_later_so_that_no_request_waits_for_the_sweep() -> (
    None
):
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        wakeup.wake(PARENT)
        # A worker takes the wake-up, and has claimed its rows before the next request is committed.
        wakeup.clear(KEY)
        for _ in range(5):
            wakeup.wake(PARENT)
        wait_for("the second wake-up", lambda: waiting(client) >= 2, seconds=60)
        assert waiting(client) == 2
        assert client.exists(KEY)


def test_of_a_unit_with_a_backlog_several_threads_are_woken_and_no_more() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for _ in range(3 * wakeup.LANES):
            wakeup.forget_gathered()
            wakeup.wake_another(PARENT)
        assert waiting(client) == wakeup.LANES


def test_a_gathered_wake_up_that_fails_keeps_none_after_it_from_being_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[int] = []

    def send(mid: int, *_: object) -> None:
        sent.append(mid)
        if mid == PARENT and sent.count(mid) == 2:
            raise RuntimeError

    monkeypatch.setattr(wakeup, "_send", send)
    # The second of each is soon after the first, however slow the machine is.
    clock = SimpleNamespace(time=time.time, monotonic=lambda: 0.0, sleep=time.sleep)
    monkeypatch.setattr(wakeup, "time", clock)
    for mid in (PARENT, PARENT, CHILD, CHILD):
        wakeup.wake(mid)
    wait_for("all of them", lambda: len(sent) >= 4, seconds=60)
    assert sorted(sent) == sorted((PARENT, PARENT, CHILD, CHILD))


def test_a_wake_up_that_no_thread_could_gather_is_sent_at_once_and_those_after_it_are_gathered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    sent: list[int] = []
    monkeypatch.setattr(wakeup, "_send", lambda mid, *_: sent.append(mid))
    monkeypatch.setattr(wakeup, "_sender", threading.Thread())
    # A thread of an earlier test takes nothing from it.
    monkeypatch.setattr(wakeup, "_gathered", SimpleQueue())
    monkeypatch.setattr(wakeup, "GATHERED_FOR", 0.5)
    wakeup.wake(PARENT)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        wakeup.wake(PARENT)
    assert sent == [PARENT] * 2
    wakeup.wake(PARENT)
    wait_for("the third", lambda: len(sent) >= 3, seconds=60)
    assert sent == [PARENT] * 3
