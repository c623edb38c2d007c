"""A file of unsubscribes, from the browser to the outbox, by a worker that is killed meanwhile."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Deploy
from tests.journeys.office import sign_in
from tests.journeys.processes import wait_for

ROWS = 1300
COUNT = "SELECT count(*), count(DISTINCT subscriber_id) FROM unsub_subscriberrequest"
STATE = "SELECT status, accepted FROM unsub_unsubscribeimport"
# As after a minute.
LEASE_OVER = """
from django.db.models.functions import Now
from unsub.models import UnsubscribeImport
UnsubscribeImport.objects.update(lease_until=Now())
"""
SECONDS = 240_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with more rows than may be pending at a time, and one that is wrong."""
    path = tmp_path / "elsewhere.csv"
    rows = "".join(f"{5000 + number},88002,7001\n" for number in range(ROWS))
    path.write_text(f"SubscriberID,JobID,ListID\n{rows}x,88002,7001\n")
    return path


def test_a_file_is_imported_once_though_its_worker_is_killed(
    deploy: Deploy, desk: Page, file: Path
) -> None:
    deployment, page = deploy(), desk
    sign_in(page, deployment, "/admin/unsub/unsubscribeimport/add/", name="marketer")
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Upload and preview").click()
    page.get_by_role("button", name="Check the file").click()
    # Without a reload by hand.
    start = page.get_by_role("button", name=f"Import {ROWS:,} unsubscribes")
    expect(start).to_be_visible(timeout=SECONDS)
    deployment.cue("latency", times=1000, value=600, operation="Execute")
    start.click()
    wait_for("a full queue", lambda: deployment.query(COUNT)[0][0] >= 1000, seconds=SECONDS / 1000)
    deployment.worker.kill()
    assert deployment.query(STATE)[0][0] == "importing"
    (number, distinct) = deployment.query(COUNT)[0]
    assert number == distinct == deployment.query(STATE)[0][1]
    deployment.clear_cues()
    deployment.shell(LEASE_OVER)
    deployment.second_worker()
    wait_for(
        "the import", lambda: deployment.query(STATE) == [("done", ROWS)], seconds=SECONDS / 1000
    )
    assert deployment.query(COUNT) == [(ROWS, ROWS)]
    expect(page.get_by_text("New requests")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("imported", exact=True)).to_be_visible(timeout=SECONDS)
