"""A deployment whose tasks travel by RabbitMQ; Redis has the rest."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

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
    rabbit.signal(signal.SIGCONT)
    wait_until(deployment, 1011, "done", seconds=90)
    rabbit.kill()
    assert deployment.one_click(deployment.link(1012))[0] == 200
    rabbit.start()
    assert deployment.one_click(deployment.link(1013))[0] == 200
    for subscriber in (1012, 1013):
        wait_until(deployment, subscriber, "done", seconds=90)
    for process in (deployment.worker, second, deployment.beat):
        assert process.is_running
    assert {row["status"] for row in deployment.audit()} == {"done"}
