"""The broker becomes a replica and a master again, or its master moves to another machine."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import redis
from celery import Celery
from kombu.exceptions import KombuError

from scripts.ready import IMPATIENT
from scripts.servers import HOST, Valkey
from tests.journeys.conftest import ROUGH, Deploy, NewDatabase
from tests.journeys.deployment import CHILD, Deployment
from tests.journeys.processes import wait_for
from tests.journeys.test_trouble import wait_until
from unsub.domain.context import JobContext

# The cache and the spool's client take writes.
BOTH_STORE = (
    "from django.core.cache import caches; from unsub.outbox import spool;"
    "caches['shared'].set('failover', 'x'); assert caches['shared'].get('failover') == 'x';"
    "assert spool._queue.client.set('failover', 1)"
)
WORD = "of the Sentinel"
RECONNECTS = re.compile(r"Cannot connect to .*READONLY")


@pytest.fixture
def other() -> Iterator[Valkey]:
    """Another Valkey, to be the master of the deployment's."""
    server = Valkey(persist=True)
    server.start()
    yield server
    server.close()


class ValkeySentinel(Valkey):
    """A Sentinel of the same program, with a password, which watches one master."""

    def __init__(self, *, master: Valkey) -> None:
        super().__init__()
        self._file = self.folder / "sentinel.conf"
        self._file.write_text(
            f'port {self.port}\nbind {HOST}\ndir {self.folder}\nrequirepass "{WORD}"\n'
            f"sentinel monitor broker {HOST} {master.port} 1\n"
            "sentinel down-after-milliseconds broker 5000\n"
            "sentinel failover-timeout broker 5000\n"
        )

    def command(self) -> list[str]:
        """Return the command line."""
        return [super().command()[0], str(self._file), "--sentinel"]

    def _answers(self) -> bool:
        with closing(redis.Redis(port=self.port, password=WORD)) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def replicate(server: Valkey, *master: str) -> None:
    """Send REPLICAOF."""
    with closing(redis.Redis.from_url(server.url)) as client:
        client.replicaof(*master)


def workers(server: Valkey) -> int:
    """Return how many workers answer by this broker."""
    with Celery(broker=f"redis://{HOST}:{server.port}/1", set_as_current=False) as app:
        app.conf.broker_transport_options = IMPATIENT
        try:
            return len(app.control.ping(timeout=2, limit=2) or ())
        except (OSError, KombuError, redis.RedisError):
            return 0


def is_calling(deployment: Deployment, subscriber: int) -> bool:
    """Return whether the subscriber's first attempt is under way."""
    return deployment.story(subscriber) == [""]


def still_runs(deployment: Deployment) -> bool:
    """Return whether worker and beat never ended."""
    return deployment.worker.is_running and deployment.beat.is_running


def test_worker_and_beat_outlive_a_broker_that_becomes_a_replica_for_a_while(
    deploy: Deploy, other: Valkey
) -> None:
    deployment = deploy()
    deployment.one_click(deployment.link(1001))
    wait_until(deployment, 1001, "done")
    replicate(deployment.valkey, "127.0.0.1", str(other.port))
    assert deployment.one_click(deployment.link(1002))[0] == 200
    deployment.worker.wait_for_words(RECONNECTS, seconds=120)
    time.sleep(2)
    assert still_runs(deployment)
    replicate(deployment.valkey, "NO", "ONE")
    # The first may be done already, by a wake-up that the worker had before.
    assert deployment.one_click(deployment.link(1003))[0] == 200
    for subscriber in (1002, 1003):
        wait_until(deployment, subscriber, "done")
    assert still_runs(deployment)


def test_a_worker_that_had_no_room_when_the_broker_became_a_replica_takes_work_again(
    deploy: Deploy, other: Valkey
) -> None:
    deployment = deploy(SFMC_TIMEOUT="600", SWEEP_SECONDS="1")
    deployment.cue("latency", times=None, value=600, operation="Execute")
    kids = JobContext(job_id=88101, list_id=7101, batch_id=0)
    for link in (deployment.link(1001), deployment.link(1002, mid=CHILD, job=kids)):
        deployment.one_click(link)
    for subscriber in (1001, 1002):
        wait_for("its call", partial(is_calling, deployment, subscriber), seconds=120)
    with closing(redis.Redis.from_url(deployment.valkey.url)) as broker:
        # Two tasks wait for their calls, and two more behind them, which it has not acknowledged.
        wait_for("a worker without room", lambda: broker.hlen("unacked") >= 2, seconds=120)
    replicate(deployment.valkey, "127.0.0.1", str(other.port))
    deployment.clear_cues()
    deployment.worker.wait_for_words(re.compile("Couldn't ack"), seconds=120)
    replicate(deployment.valkey, "NO", "ONE")
    assert deployment.one_click(deployment.link(1003))[0] == 200
    for subscriber in (1001, 1002, 1003):
        wait_until(deployment, subscriber, "done")
    assert still_runs(deployment)


def test_a_worker_started_while_the_broker_is_a_replica_waits_for_it(
    deploy: Deploy, other: Valkey
) -> None:
    deployment = deploy()
    replicate(deployment.valkey, "127.0.0.1", str(other.port))
    deployment.worker.kill()
    deployment.worker.log_to(deployment.folder / "again.log")
    deployment.beat.kill()
    deployment.worker.start()
    deployment.beat.start()
    deployment.worker.wait_for_words(RECONNECTS, seconds=120)
    assert deployment.one_click(deployment.link(1003))[0] == 200
    replicate(deployment.valkey, "NO", "ONE")
    wait_until(deployment, 1003, "done")
    assert still_runs(deployment)


@pytest.fixture
def watched(new_database: NewDatabase, tmp_path: Path, other: Valkey) -> Iterator[Deployment]:
    """A deployment that finds its broker by a Sentinel. `other` is the broker's replica."""
    deployment = Deployment(database=new_database(), folder=tmp_path, settings=ROUGH)
    deployment.valkey.start()
    replicate(other, HOST, str(deployment.valkey.port))
    sentinel = ValkeySentinel(master=deployment.valkey)
    try:
        sentinel.start()
        # The first of the two Sentinels is down.
        address = f"sentinel://{HOST}:1,{HOST}:{sentinel.port}/broker/1"
        deployment.environ["REDIS_URL"] = f"{address}?sentinel_password={WORD.replace(' ', '%20')}"
        deployment.start_with_broker(f"redis://{HOST}:{deployment.valkey.port}/1")
        with closing(redis.Redis(port=sentinel.port, password=WORD)) as client:
            wait_for("the replica", lambda: client.sentinel_slaves("broker"))
        yield deployment
    finally:
        deployment.stop()
        sentinel.close()


def test_after_a_failover_by_sentinel_everything_uses_the_new_master(
    watched: Deployment, other: Valkey
) -> None:
    second = watched.second_worker()
    wait_for("both workers", lambda: workers(watched.valkey) == 2, seconds=120)
    watched.shell(BOTH_STORE)
    watched.one_click(watched.link(1001))
    wait_until(watched, 1001, "done")
    watched.valkey.kill()
    assert watched.one_click(watched.link(1002))[0] == 200
    wait_until(watched, 1002, "done")
    watched.shell(BOTH_STORE)
    wait_for("both workers at the new master", lambda: workers(other) == 2, seconds=90)
    assert still_runs(watched)
    assert second.is_running
    with closing(redis.Redis(port=other.port, db=1)) as client:
        assert client.exists("profilecenter:heartbeat", "failover") == 2
