"""Nothing depends on the sandbox: two settings say where Marketing Cloud is."""

from tests.journeys.conftest import UNHURRIED, Deploy
from tests.journeys.other_server import OtherServer
from tests.journeys.processes import wait_for


def test_two_settings_are_enough_to_use_another_server(deploy: Deploy) -> None:
    with OtherServer() as other:
        deployment = deploy(SFMC_AUTH_URL=other.url, SFMC_SOAP_URL=other.url, **UNHURRIED)
        deployment.one_click(deployment.link(1001))
        wait_for("the call", lambda: other.received)
        row = deployment.audit_of(1001)
        assert (row["status"], row["outcome"]) == ("done", "posted")
        assert other.received == [
            {"SubscriberID": "1001", "JobID": "88002", "ListID": "7001", "BatchID": "0"}
        ]
        assert deployment.events() == []
