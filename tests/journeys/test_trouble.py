"""Failures on the way, and that no request is lost (design 6)."""

import signal
import time
from contextlib import closing

import redis

from scripts.servers import Postgres
from tests.journeys.conftest import UNHURRIED, Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for

# Ends all pauses and backoffs now.
OVER = (
    "from unsub.models import *; from django.db.models.functions import Now;"
    "QueueState.objects.filter(paused_until__isnull=False).update(paused_until=Now());"
    "SubscriberRequest.objects.filter(status='pending').update(next_attempt_at=Now())"
)
UNDER_WAY = "SELECT id FROM unsub_deliveryattempt WHERE finished_at IS NULL"
ASKED_FOR = "SELECT status FROM unsub_subscriberrequest WHERE subscriber_id = {mark}"


def status_of(deployment: Deployment, subscriber: int) -> str:
    """Return the status of a subscriber's only request, or "" where there is none."""
    rows = deployment.query(ASKED_FOR, subscriber)
    return str(rows[0][0]) if rows else ""


def wait_until(
    deployment: Deployment, subscriber: int, status: str, *, seconds: float = 120
) -> None:
    """Wait until a subscriber's request has this status."""
    wait_for(
        f"the request of {subscriber} to be {status}",
        lambda: status_of(deployment, subscriber) == status,
        seconds=seconds,
    )


def test_a_worker_killed_during_a_call_loses_no_request(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.cue("latency", times=1, value=600)
    deployment.one_click(deployment.link(1001))
    wait_for("the call to be under way", lambda: deployment.story(1001) == [""])
    deployment.worker.kill()
    assert status_of(deployment, 1001) == "sending"
    deployment.clear_cues()
    deployment.worker.start()
    wait_until(deployment, 1001, "done")
    killed, *again, last = deployment.story(1001)
    assert killed == "unknown"
    # On a busy machine, the next call may time out or fail as well.
    assert set(again) <= {"unknown", "try_later"}
    assert last in {"posted", "already_unsubscribed"}
    assert deployment.event_of(1001)["job_id"] == 88002


def test_a_lost_reply_leads_to_one_event_and_two_attempts(deploy: Deploy) -> None:
    deployment = deploy(**UNHURRIED)
    deployment.cue("drop_after_record", times=1)
    deployment.one_click(deployment.link(1002))
    wait_until(deployment, 1002, "done")
    assert deployment.story(1002) == ["unknown", "already_unsubscribed"]
    assert deployment.event_of(1002)["list_id"] == 7001


def test_a_request_is_accepted_while_the_broker_is_away(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.valkey.stop()
    status, _ = deployment.one_click(deployment.link(1003))
    assert status == 200
    assert status_of(deployment, 1003) == "pending"
    deployment.valkey.start()
    wait_until(deployment, 1003, "done")
    assert deployment.event_of(1003)["job_id"] == 88002


def test_while_marketing_cloud_is_away_requests_wait_and_are_not_lost(deploy: Deploy) -> None:
    deployment = deploy(**UNHURRIED)
    deployment.sandbox.kill()
    deployment.one_click(deployment.link(1004))
    wait_for("a first attempt", lambda: "try_later" in deployment.story(1004))
    assert status_of(deployment, 1004) == "pending"
    deployment.sandbox.start()
    deployment.wait_for_sandbox()
    wait_until(deployment, 1004, "done")
    assert deployment.story(1004)[-1] == "posted"


def test_revoked_credentials_hold_requests_until_they_are_released(deploy: Deploy) -> None:
    deployment = deploy(**UNHURRIED)
    deployment.cue("revoke_credentials", times=None)
    deployment.one_click(deployment.link(1005))
    held = "SELECT held_reason FROM unsub_queuestate WHERE held_since IS NOT NULL"
    wait_for("the hold", lambda: deployment.query(held))
    deployment.one_click(deployment.link(1006))
    assert deployment.story(1005) == ["misconfigured"]
    assert status_of(deployment, 1006) == "pending"
    deployment.clear_cues()
    release = "from unsub.outbox import api; api.release([510001])"
    deployment.shell(release)
    wait_until(deployment, 1005, "done")
    wait_until(deployment, 1006, "done")
    assert deployment.story(1006) == ["posted"]


def test_requests_are_spooled_while_the_database_hangs_and_stored_when_it_is_back(
    deploy: Deploy, own_postgres: Postgres
) -> None:
    deployment = deploy(database=own_postgres.url.rpartition("/")[0] + "/journeys")
    deployment.one_click(deployment.link(1001))
    own_postgres.signal(signal.SIGSTOP)
    try:
        # One click waits a minute for its answer, a hanging database longer than the test.
        statuses = [deployment.one_click(deployment.link(n))[0] for n in range(1002, 1008)]
    finally:
        own_postgres.signal(signal.SIGCONT)
    assert statuses == [200] * 6
    for subscriber in range(1001, 1008):
        wait_until(deployment, subscriber, "done")
    assert len(deployment.events()) == 7


def test_an_open_circuit_costs_one_probe_at_a_time(deploy: Deploy) -> None:
    deployment = deploy(SFMC_BATCH_SIZE="1")
    deployment.cue("http_500", times=None)
    for subscriber in range(1001, 1021):
        deployment.one_click(deployment.link(subscriber))
    paused = "SELECT paused_reason FROM unsub_queuestate WHERE mid = {mark}"
    wait_for("the circuit", lambda: deployment.query(paused, 510001) == [("circuit open",)])
    time.sleep(3)
    # Each of the two workers may be in the middle of a call when the circuit opens.
    assert deployment.calls()["faults"]["http_500"] <= 7
    # On a busy machine: one that succeeded later would close the circuit without a probe.
    wait_for("the calls under way", lambda: not deployment.query(UNDER_WAY))
    deployment.clear_cues()
    deployment.shell(OVER)
    for subscriber in range(1001, 1021):
        wait_until(deployment, subscriber, "done")
    assert deployment.calls()["soap"]["GetSystemStatus"] >= 1


def test_wake_ups_work_after_a_flush_of_the_broker(deploy: Deploy) -> None:
    deployment = deploy(SWEEP_SECONDS="3600")
    deployment.one_click(deployment.link(1001))
    wait_until(deployment, 1001, "done")
    with closing(redis.Redis.from_url(deployment.valkey.url)) as broker:
        broker.flushall()
    deployment.one_click(deployment.link(1002))
    # By its wake-up: no sweep comes within the hour.
    wait_until(deployment, 1002, "done")


def test_workers_survive_a_restart_of_the_broker_during_a_call(
    deploy: Deploy,
) -> None:
    deployment = deploy()
    deployment.cue("latency", times=1, value=600)
    deployment.one_click(deployment.link(1001))
    wait_for("the call to be under way", lambda: deployment.story(1001) == [""])
    deployment.valkey.kill()
    time.sleep(3)
    deployment.clear_cues()
    time.sleep(1)
    deployment.valkey.start()
    wait_until(deployment, 1001, "done")
    deployment.one_click(deployment.link(1002))
    wait_until(deployment, 1002, "done", seconds=120)
    assert deployment.worker.is_running
    assert deployment.beat.is_running


def test_workers_survive_repeated_restarts_of_the_broker(deploy: Deploy) -> None:
    deployment = deploy(UNDO_SECONDS="3", SWEEP_SECONDS="1")
    for round_ in range(6):
        for at in range(4):
            deployment.one_click(deployment.link(1001 + round_ * 4 + at))
        deployment.valkey.kill()
        time.sleep(0.5 * (round_ % 3))
        deployment.valkey.start()
        time.sleep(0.3 * (round_ % 2))
    assert deployment.worker.is_running
    for subscriber in range(1001, 1025):
        wait_until(deployment, subscriber, "done")
