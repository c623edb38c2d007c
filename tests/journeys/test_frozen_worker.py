"""A worker that is stopped for longer than its lease, as a paused container is."""

import json
import signal
import urllib.request

import pytest

from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for

WEEKLY = "7001"
SUBSCRIBE = """
from unsub.domain.context import JobContext, SubscriberContext, UnsubContext
from unsub.models import Channel, Kind
from unsub.outbox import api
link = UnsubContext(mid=510001, subscriber=SubscriberContext(subscriber_id=1001), job=JobContext())
change = api.Change(kind=Kind.SUBSCRIBE)
api.submit(api.Submission(
    token="t", context=link.for_list(7001), channel=Channel.PROFILE, change=change, language="en"))
"""
ROWS = "SELECT kind, status FROM unsub_subscriberrequest WHERE subscriber_id = {mark} ORDER BY id"
LATE = """
    SELECT r.kind, a.outcome, a.late_outcome FROM unsub_deliveryattempt a
    JOIN unsub_subscriberrequest r ON r.id = a.request_id WHERE a.late_at IS NOT NULL
"""


def weekly(deployment: Deployment) -> str:
    """Return how subscriber 1001 stands on the weekly list."""
    with urllib.request.urlopen(f"{deployment.sandbox_url}/people.json?id=1001") as answer:
        return str(json.load(answer)["lists"].get(WEEKLY))


def wait_for_rows(deployment: Deployment, *rows: tuple[str, str]) -> None:
    """Wait until these are the requests of subscriber 1001, by kind and status."""
    wait_for(str(rows), lambda: deployment.query(ROWS, 1001) == list(rows), seconds=90)


@pytest.mark.parametrize("late", [True, False], ids=["after its call", "before its call"])
def test_a_worker_that_was_stopped_past_its_lease_does_not_undo_a_later_request(
    deploy: Deploy, late: bool
) -> None:
    deployment = deploy(SFMC_TIMEOUT="600", LEASE_SECONDS="8")
    if late:
        # The call reaches Marketing Cloud, which carries it out when the faults are removed.
        deployment.cue("latency", times=1, value=600, operation="Execute")
    else:
        # The worker waits for what it has to know before the Update of the list.
        deployment.cue("refuse_400", times=1)
        deployment.cue("latency", times=1, value=600, operation="Retrieve:Subscriber")
    deployment.one_click(deployment.link(1001))
    wait_for("the delay", lambda: not deployment.cues())
    deployment.worker.signal_all(signal.SIGSTOP)
    try:
        deployment.shell(SUBSCRIBE)
        deployment.second_worker()
        done = [("unsubscribe", "superseded"), ("subscribe", "done")]
        wait_for_rows(deployment, *done)
        assert weekly(deployment) == "Active"
        # What the stopped worker waits for comes now.
        deployment.clear_cues()
        if late:
            wait_for("the stale call", lambda: weekly(deployment) == "Unsubscribed", seconds=120)
    finally:
        deployment.worker.signal_all(signal.SIGCONT)
    if late:
        wait_for("the late reply", lambda: deployment.query(LATE), seconds=120)
        assert deployment.query(LATE) == [("unsubscribe", "unknown", "posted")]
    else:
        words = "lease_ended_before_call"
        wait_for("the woken worker", lambda: words in deployment.worker.log, seconds=120)
    wait_for("the subscription", lambda: weekly(deployment) == "Active", seconds=120)
    wait_for_rows(deployment, *done)
    assert deployment.query(LATE) if late else not deployment.query(LATE)
