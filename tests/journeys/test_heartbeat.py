"""Whether workers and beat are at work is seen from web, with real processes."""

import json
import re
import urllib.request
from typing import Any

import pytest
import redis

from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for

# A sweep each second, so that a living process is never much older than this.
FRESH, OLD = 5.0, 8.0


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """A deployment in which both have been at work."""
    started = deploy()
    wait_for("a sweep", lambda: is_fresh(started, "worker") and is_fresh(started, "beat"))
    return started


def readyz(deployment: Deployment) -> dict[str, Any]:
    """Return what a probe is told. Fails the test where that is no 200."""
    with urllib.request.urlopen(f"{deployment.url}/readyz", timeout=10) as answer:
        assert answer.status == 200
        told: dict[str, Any] = json.load(answer)
    return told


def is_fresh(deployment: Deployment, name: str) -> bool:
    """Return whether that process was at work a moment ago."""
    age = readyz(deployment)[f"{name}_seconds"]
    return age is not None and age < FRESH


def is_old(deployment: Deployment, name: str) -> bool:
    """Return whether that process has done nothing for longer than one that lives."""
    return bool(readyz(deployment)[f"{name}_seconds"] > OLD)


def metric(deployment: Deployment, name: str) -> float:
    """Return a gauge without labels. Fails the test where it is not there."""
    with urllib.request.urlopen(f"{deployment.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def move_back(deployment: Deployment, name: str) -> None:
    """Move a heartbeat back by two minutes, as if that time had gone by."""
    with redis.Redis.from_url(deployment.valkey.url) as broker:
        broker.hincrbyfloat("profilecenter:heartbeat", name, -120)


def test_a_worker_that_is_killed_is_seen_while_beat_s_sign_stays_fresh(
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


def test_without_beat_both_grow_old_and_requests_are_still_accepted(
    deployment: Deployment,
) -> None:
    deployment.beat.kill()
    wait_for("beat's age to grow", lambda: is_old(deployment, "beat"))
    wait_for("the worker's age to grow", lambda: is_old(deployment, "worker"))
    move_back(deployment, "beat")
    assert readyz(deployment)["degraded"] is True
    assert deployment.one_click(deployment.link(1103))[0] == 200
    # The wake-up of that request needs no beat.
    deployment.event_of(1103)
    wait_for("the worker at work", lambda: is_fresh(deployment, "worker"))
    assert readyz(deployment)["degraded"] is True


def test_a_broker_that_lost_its_memory_is_told_of_both_again(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.valkey.url) as broker:
        broker.flushall()
    wait_for("a sweep", lambda: is_fresh(deployment, "worker") and is_fresh(deployment, "beat"))
