"""Heartbeats of worker and beat, as the web process reports them, with real processes."""

import json
import re
import urllib.request
from typing import Any

import pytest
import redis

from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for

# A sweep each second, so that a running process is never much older than this.
FRESH, OLD = 5.0, 8.0
MOVED = 120.0


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """A deployment with a recent heartbeat of worker and beat. A look for alarms comes once a
    minute; it is taken for done."""
    started = deploy()
    wait_for("a sweep", lambda: is_fresh(started, "worker") and is_fresh(started, "beat"))
    with redis.Redis.from_url(started.valkey.url) as broker:
        broker.hset("profilecenter:heartbeat", "watch", str(broker.time()[0]))
    return started


def readyz(deployment: Deployment) -> dict[str, Any]:
    """Return the response of /readyz. Fails the test where its status is not 200."""
    with urllib.request.urlopen(f"{deployment.url}/readyz", timeout=60) as answer:
        assert answer.status == 200
        told: dict[str, Any] = json.load(answer)
    return told


def is_fresh(deployment: Deployment, name: str) -> bool:
    """Return whether the process has a recent heartbeat."""
    age = readyz(deployment)[f"{name}_seconds"]
    return age is not None and age < FRESH


def is_old(deployment: Deployment, name: str) -> bool:
    """Return whether the heartbeat is older than that of any running process."""
    return bool(readyz(deployment)[f"{name}_seconds"] > OLD)


def metric(deployment: Deployment, name: str) -> float:
    """Return a gauge without labels. Fails the test where it is missing."""
    with urllib.request.urlopen(f"{deployment.url}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def move_back(deployment: Deployment, name: str) -> None:
    """Make a heartbeat two minutes older."""
    with redis.Redis.from_url(deployment.valkey.url) as broker:
        broker.hincrbyfloat("profilecenter:heartbeat", name, -MOVED)


def test_a_killed_worker_is_reported_while_beat_s_heartbeat_stays_recent(
    deployment: Deployment,
) -> None:
    assert readyz(deployment)["degraded"] is False
    deployment.worker.kill()
    wait_for("the worker's age to grow", lambda: is_old(deployment, "worker"))
    wait_for("beat at work", lambda: is_fresh(deployment, "beat"))
    assert metric(deployment, "unsub_worker_last_seen_seconds") > OLD
    wait_for("beat at work", lambda: metric(deployment, "unsub_beat_last_seen_seconds") < FRESH)
    move_back(deployment, "worker")
    assert readyz(deployment)["degraded"] is True
    deployment.worker.start()
    wait_for("the worker", lambda: not readyz(deployment)["degraded"])


def test_thousands_of_wake_ups_do_not_keep_the_sweep_waiting(deployment: Deployment) -> None:
    deployment.worker.kill()
    many = "for _ in range(3000): current_app.send_task('unsub.tasks.deliver', (1, 'none'))"
    deployment.shell(f"from celery import current_app\n{many}")
    with redis.Redis.from_url(deployment.valkey.url) as broker:
        broker.hdel("profilecenter:heartbeat", "sweep")
        deployment.worker.start()
        wait_for("a sweep", lambda: broker.hexists("profilecenter:heartbeat", "sweep"))
        assert broker.llen("deliveries") > 1000


def test_each_web_process_looks_for_outages(deployment: Deployment) -> None:
    wait_for("both", lambda: deployment.web.log.count("second_look_started") == 2)


def test_without_beat_both_heartbeats_age_and_requests_are_still_delivered(
    deployment: Deployment,
) -> None:
    deployment.beat.kill()
    wait_for("beat's age to grow", lambda: is_old(deployment, "beat"))
    wait_for("the worker's age to grow", lambda: is_old(deployment, "worker"))
    for name in ("beat", "worker"):
        move_back(deployment, name)
    assert readyz(deployment)["degraded"] is True
    assert deployment.one_click(deployment.link(1103))[0] == 200
    # The wake-up of that request needs no beat.
    deployment.event_of(1103)
    # Without beat it is heard of once: the look at it may come late, but not by two minutes.
    wait_for("the worker at work", lambda: readyz(deployment)["worker_seconds"] < MOVED)
    assert readyz(deployment)["degraded"] is True


def test_after_a_flush_of_the_broker_both_heartbeats_come_back(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.valkey.url) as broker:
        broker.flushall()
    wait_for("a sweep", lambda: is_fresh(deployment, "worker") and is_fresh(deployment, "beat"))
