"""An email client sends the one-click POST."""

from tests.journeys.conftest import Deploy, NewDatabase
from tests.journeys.deployment import CHILD, KIDS, KIDS_JOB, PARENT, Deployment
from unsub.domain.context import JobContext, Scope


def test_a_one_click_post_ends_as_an_unsub_event(shared: Deployment) -> None:
    status, headers = shared.one_click(shared.link(1011))
    assert status == 200
    assert "set-cookie" not in headers
    event = shared.event_of(1011)
    row = shared.audit_of(1011)
    assert (row["status"], row["outcome"], row["channel"]) == ("done", "posted", "one_click")
    assert (event["job_id"], event["list_id"], event["batch_id"]) == (88002, 7001, 0)
    assert "Reason" not in event["parameters"]
    assert shared.story(1011) == ["posted"]


def test_a_child_unit_s_request_is_sent_in_its_name(shared: Deployment) -> None:
    job = JobContext(job_id=KIDS_JOB, list_id=KIDS, batch_id=0)
    shared.one_click(shared.link(1012, mid=CHILD, job=job))
    event = shared.event_of(1012)
    assert (event["mid"], event["job_id"], event["list_id"]) == (CHILD, KIDS_JOB, KIDS)
    row = shared.audit_of(1012)
    assert (int(row["mid"]), row["outcome"]) == (CHILD, "posted")


def test_the_scope_all_is_a_master_unsubscribe(shared: Deployment) -> None:
    shared.one_click(shared.link(1013, scope=Scope.ALL))
    row = shared.audit_of(1013)
    assert (int(row["mid"]), row["scope"], row["outcome"]) == (PARENT, "all", "posted")
    assert [entry["subscriber_id"] for entry in shared.masters()].count(1013) == 1


def test_the_same_request_posted_again_is_one_event(shared: Deployment) -> None:
    link = shared.link(1014)
    assert [shared.one_click(link)[0] for _ in range(3)] == [200, 200, 200]
    shared.audit_of(1014)  # waits until the reply is stored, too
    assert shared.story(1014) == ["posted"]


def test_the_whole_journey_works_on_sqlite(deploy: Deploy, new_sqlite: NewDatabase) -> None:
    deployment = deploy(database=new_sqlite())
    for subscriber in range(1001, 1006):
        deployment.one_click(deployment.link(subscriber))
    events = [deployment.event_of(subscriber) for subscriber in range(1001, 1006)]
    assert {event["job_id"] for event in events} == {88002}
    rows = deployment.audit()
    assert len(rows) == 5
