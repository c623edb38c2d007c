"""The id of an HTTP request: from the proxy to the log lines of the worker's call."""

import json
import logging
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from django.conf import settings
from django.test import Client
from pytest_django.fixtures import Settings

from profilecenter.logs import own_formatter
from tests.helpers import link
from unsub import tasks
from unsub.infra import request_id
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import wakeup
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_wakeup_under_way() -> None:
    """Wait for the wake-ups that the test before this one gathered, so that each POST sends its
    own."""
    wakeup.forget_gathered()
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()


OURS = re.compile(r"[0-9a-f]{32}")


ONE = UUID("5c0f0b1e-6a52-4d0e-9d3b-2f4c8e1a7b90")


@pytest.mark.parametrize("path", ["/healthz", "/u/bad", "/admin/login/"])
@pytest.mark.parametrize("sent", [str(ONE), ONE.hex.upper()])
def test_the_id_of_a_proxy_is_kept_and_returned(client: Client, path: str, sent: str) -> None:
    answer = client.get(path, headers={"X-Request-ID": sent})
    assert answer["X-Request-ID"] == sent


@pytest.mark.parametrize(
    "sent",
    [
        "ada@example.com", "eyJhbGciOiJIUzI1NiJ9.eyJzayI6ImFkYSJ9.c2lnbmF0dXJl", "1001", "",
        "a" * 33, f"{ONE.hex}\n", "0000-" * 8,
    ],
)  # fmt: skip
def test_what_is_no_uuid_is_replaced(client: Client, sent: str) -> None:
    answer = client.get("/u/bad", headers={"X-Request-ID": sent})
    assert OURS.fullmatch(answer["X-Request-ID"])


def test_each_request_gets_an_id_of_its_own(client: Client) -> None:
    first, second = (client.get("/healthz")["X-Request-ID"] for _ in range(2))
    assert first != second
    assert request_id.current() == ""


def test_the_page_of_an_error_and_its_log_line_have_the_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: str) -> None:
        raise RuntimeError

    caplog.handler.setFormatter(own_formatter())
    monkeypatch.setattr("unsub.web.signed_link.open_damaged_link", fails)
    answer = Client(raise_request_exception=False).get("/u/any")
    assert answer.status_code == 500
    mine = answer["X-Request-ID"]
    assert f"quote this code: {mine}" in answer.content.decode()
    (line,) = [line for line in caplog.text.splitlines() if "RuntimeError" in line]
    assert json.loads(line)["http_request_id"] == mine


def test_the_wake_up_carries_the_id_to_the_log_lines_of_the_delivery(
    client: Client,
    unit: BusinessUnit,
    sandbox: Sandbox,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.UNDO_SECONDS = 0
    sent = uuid4().hex
    assert client.post(link(settings), headers={"X-Request-ID": sent}).status_code == 200
    (message,) = queued()
    assert message["headers"][request_id.FIELD] == sent
    with caplog.at_level(logging.INFO):
        run(message)
    lines: list[Any] = [line.msg for line in caplog.records]
    settled = [line for line in lines if "attempt_settled" in str(line)]
    assert [line[request_id.FIELD] for line in settled] == [sent]
    assert settled[0]["request_id"] == SubscriberRequest.objects.get().pk
    assert request_id.current() == ""


def test_an_id_in_a_message_that_is_none_is_not_logged(
    client: Client, unit: BusinessUnit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("unsub.tasks.clear", lambda _key: seen.append(request_id.current()))
    client.post(link(settings))
    (message,) = queued()
    message["headers"][request_id.FIELD] = "ada@example.com"
    run(message)
    assert seen == [""]


def queued() -> list[dict[str, Any]]:
    """Return the messages that wait in the broker."""
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        found: list[bytes] = broker.lrange("deliveries", 0, -1)
    return [json.loads(one) for one in found]


def run(message: dict[str, Any]) -> None:
    """Run the task of a message as a worker does, with the headers of the message."""
    headers: dict[str, Any] = message["headers"]
    mid, key = headers["argsrepr"].strip("()").split(", ")
    task = tasks.deliver
    task.push_request(**headers)
    try:
        task.run(int(mid), key.strip("'"))
    finally:
        task.pop_request()
