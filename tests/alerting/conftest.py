"""What the alarm tests share: a webhook, and a folder for what was told."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.stand_in import Answer, Received, StandIn
from unsub.alerting import notifications

SECRET = "a-secret-for-the-webhook"


class Receiver(StandIn):
    """A webhook: `statuses` are its replies in order, the last one stays."""

    methods = frozenset({"GET", "POST"})

    def __init__(self) -> None:
        super().__init__()
        self.statuses = [200]
        self.received: list[tuple[bytes, str]] = []

    def answer(self, received: Received) -> Answer:
        """Return the next status, with an address to which nobody may follow."""
        self.received.append((received.body, received.headers.get(notifications.SIGNATURE, "")))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Answer(status=status, headers={"Location": "/elsewhere"})

    def told(self) -> list[tuple[str, str]]:
        """Return cause and state of each message."""
        messages: list[Any] = [json.loads(body) for body, _ in self.received]
        return [(message["cause"], message["state"]) for message in messages]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A webhook receiver, set in ALERT_WEBHOOK_URL."""
    with Receiver() as running:
        settings.ALERT_WEBHOOK_URL = f"{running.url}/hook"
        settings.ALERT_WEBHOOK_SECRET = SECRET
        yield running


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a folder of its own for what was told without a database."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
