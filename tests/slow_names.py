"""A resolver that does not answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.journeys.processes import wait_for

SLOW = "slow.example.com"


class LookUps:
    """The look-ups of SLOW. `answered` has those that have ended."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.may_answer = threading.Event()


@contextmanager
def slow_names() -> Iterator[LookUps]:
    """Let no look-up of SLOW end in the block; then each finds 127.0.0.1. Waits in the end for the
    threads that look it up."""
    look_ups, look_up = LookUps(), socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        if host != SLOW:
            return look_up(host, *args, **more)
        look_ups.may_answer.wait(60)
        look_ups.answered.append(host)
        return look_up("127.0.0.1", *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        try:
            yield look_ups
        finally:
            look_ups.may_answer.set()
            wait_for("the threads to end", lambda: not any(map(_looks_up, threading.enumerate())))


def _looks_up(thread: threading.Thread) -> bool:
    return thread.name == "until-deadline"
