"""Processes that are stopped in order, or replaced, while there is work."""

import http.client
import re
import signal
import threading
import urllib.parse

from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for

SENDING = "SELECT id FROM unsub_subscriberrequest WHERE status = 'sending'"
OPEN = "SELECT id FROM unsub_subscriberrequest WHERE status <> 'done'"
UNFINISHED = "SELECT id FROM unsub_deliveryattempt WHERE finished_at IS NULL"
OUTCOMES = "SELECT DISTINCT outcome FROM unsub_deliveryattempt"
BACKLOG, POSTS, CLIENTS = 30, 300, 6
BODY = b"List-Unsubscribe=One-Click"
HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_worker_that_is_stopped_ends_its_calls_and_leaves_no_lease(deploy: Deploy) -> None:
    deployment = deploy(SFMC_BATCH_SIZE="1", LEASE_SECONDS="300", SFMC_TIMEOUT="600")
    deployment.cue("latency", times=None, value=600, operation="Execute")
    for subscriber in range(1101, 1101 + BACKLOG):
        deployment.one_click(deployment.link(subscriber))
    wait_for("calls to be under way", lambda: len(deployment.query(UNFINISHED)) > 1)
    deployment.worker.signal_main(signal.SIGTERM)
    deployment.worker.wait_for_words(re.compile("Warm shutdown"), seconds=120)
    # The calls under way end, and there is much left that nothing delays any more.
    deployment.clear_cues()
    assert deployment.worker.wait(seconds=120) == 0
    assert deployment.query(SENDING) == []
    assert deployment.query(UNFINISHED) == []
    assert deployment.query(OPEN)
    deployment.worker.start()
    wait_for("all to be sent", lambda: not deployment.query(OPEN), seconds=90)
    told = [event["subscriber_id"] for event in deployment.events()]
    assert sorted(told) == list(range(1101, 1101 + BACKLOG))
    # No call was cut off.
    assert "unknown" not in {outcome for (outcome,) in deployment.query(OUTCOMES)}


def test_a_rolling_restart_of_the_web_processes_answers_every_request(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.beat.end(signal.SIGTERM, seconds=90)
    links = [deployment.link(1001 + number) for number in range(POSTS)]
    statuses: list[int | str] = []
    threads = [
        threading.Thread(target=_post, args=(links[number::CLIENTS], statuses))
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for share in (1, 2, 3):
        _wait_for_answers(statuses, share * POSTS // 5)
        _replace_web_processes(deployment)
    for thread in threads:
        thread.join()
    assert [status for status in statuses if status != 200] == []
    assert len(statuses) == POSTS


def _wait_for_answers(statuses: list[int | str], number: int) -> None:
    wait_for("answers", lambda: len(statuses) > number, seconds=120)


def _post(links: list[str], statuses: list[int | str]) -> None:
    """Send these one-click POSTs, each over a connection of its own, as mailbox providers do."""
    for link in links:
        parts = urllib.parse.urlsplit(link)
        connection = http.client.HTTPConnection(parts.netloc, timeout=120)
        try:
            connection.request("POST", parts.path, BODY, HEADERS)
            statuses.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as err:
            statuses.append(type(err).__name__)
        finally:
            connection.close()


def _replace_web_processes(deployment: Deployment) -> None:
    """Let gunicorn start new processes, and end the others when their requests are answered."""
    before = _started(deployment)
    deployment.web.signal_main(signal.SIGHUP)
    wait_for("new processes", lambda: _started(deployment) >= before + 2, seconds=120)


def _started(deployment: Deployment) -> int:
    return deployment.web.log.count("Booting worker")
