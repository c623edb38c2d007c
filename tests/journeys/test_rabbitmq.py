"""A deployment whose tasks travel by RabbitMQ; Redis has the rest."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
import requests

from tests.journeys.conftest import ROUGH, NewDatabase
from tests.journeys.deployment import Deployment
from tests.journeys.test_trouble import wait_until
from tests.rabbit import RabbitMq, program


@pytest.fixture
def rabbit() -> Iterator[RabbitMq]:
    """A RabbitMQ of the test's own."""
    program()
    with closing(RabbitMq()) as server:
        server.start()
        yield server


@pytest.fixture
def deployment(new_database: NewDatabase, tmp_path: Path, rabbit: RabbitMq) -> Iterator[Deployment]:
    """A deployment with RabbitMQ."""
    made = Deployment(
        database=new_database(), folder=tmp_path, settings=ROUGH | {"RABBITMQ_URL": rabbit.url}
    )
    try:
        made.start_with_broker(rabbit.url)
        yield made
    finally:
        made.stop()


def wait_for_broker(deployment: Deployment, *, takes_writes: bool) -> None:
    """Wait until /readyz says so: it knows for some seconds."""
    end = time.monotonic() + 120
    while requests.get(f"{deployment.url}/readyz", timeout=60).json()["broker"] is not takes_writes:
        assert time.monotonic() < end
        time.sleep(0.5)


def test_with_rabbitmq_everything_is_delivered_also_after_it_was_killed(
    deployment: Deployment, rabbit: RabbitMq
) -> None:
    second = deployment.second_worker()
    for subscriber in range(1001, 1011):
        assert deployment.one_click(deployment.link(subscriber))[0] == 200
    for subscriber in range(1001, 1011):
        wait_until(deployment, subscriber, "done")
    with closing(redis.Redis.from_url(deployment.valkey.url)) as client:
        assert not client.exists("celery", "deliveries")
    # One that hangs, then one that is gone: each client is answered all the same.
    rabbit.signal(signal.SIGSTOP)
    assert deployment.one_click(deployment.link(1011))[0] == 200
    wait_for_broker(deployment, takes_writes=False)
    rabbit.signal(signal.SIGCONT)
    wait_until(deployment, 1011, "done")
    rabbit.kill()
    assert deployment.one_click(deployment.link(1012))[0] == 200
    wait_for_broker(deployment, takes_writes=False)
    rabbit.start()
    wait_for_broker(deployment, takes_writes=True)
    assert deployment.one_click(deployment.link(1013))[0] == 200
    for subscriber in (1012, 1013):
        wait_until(deployment, subscriber, "done")
    for process in (deployment.worker, second, deployment.beat):
        assert process.is_running
    assert {row["status"] for row in deployment.audit()} == {"done"}
