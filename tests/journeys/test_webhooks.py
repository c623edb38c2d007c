"""Webhooks of a whole deployment: a receiver that hangs stops no unsubscribe, and a worker that is
killed loses no event."""

from standardwebhooks import Webhook

from tests.journeys.conftest import Deploy
from tests.journeys.deployment import PARENT, Deployment
from tests.journeys.processes import wait_for
from tests.webhooks.receiver import Receiver, hang, status

SECRET = "whsec_" + "c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMgbG9uZy4="
ENDPOINT = """
from unsub.models import WebhookEndpoint
from unsub.webhooks import signing
WebhookEndpoint.objects.create(
    name="receiver", unit_id={unit}, url="{url}", secret=signing.sealed("{secret}")
)
"""
EXPIRE = """
from datetime import timedelta
from django.db.models.functions import Now
from unsub.models import WebhookDelivery
WebhookDelivery.objects.filter(state="sending").update(lease_until=Now() - timedelta(seconds=1))
"""
UNFINISHED = "SELECT id FROM unsub_subscriberrequest WHERE status <> 'done'"
ACCEPTED = "SELECT count(*) FROM unsub_webhookevent WHERE type = 'profilecenter.request.accepted'"
STATES = "SELECT state, count(*) FROM unsub_webhookdelivery GROUP BY state"
PEOPLE = range(1101, 1131)


def listen(deployment: Deployment, receiver: Receiver) -> None:
    """Set the receiver up for the parent unit, and wait until the web processes know it."""
    deployment.shell(ENDPOINT.format(unit=PARENT, url=receiver.url, secret=SECRET))
    # Until each of the processes has read the endpoints anew.
    wait_for("an event of each process", lambda: _is_known(deployment), seconds=120)


_probes = iter(range(1200, 2900))


def _is_known(deployment: Deployment) -> bool:
    """Return whether six requests in a row were all recorded."""
    before = deployment.query(ACCEPTED)[0][0]
    for _ in range(6):
        deployment.one_click(deployment.link(next(_probes)))
    return bool(deployment.query(ACCEPTED)[0][0] >= before + 6)


def test_a_hanging_receiver_stops_no_unsubscribe_and_a_killed_worker_loses_no_event(
    deploy: Deploy,
) -> None:
    with Receiver() as receiver:
        receiver.behave(hang)
        # One that hangs for longer than the test takes, and a worker with two threads.
        deployment = deploy(WEBHOOK_ALLOW_PRIVATE="1", WEBHOOK_TIMEOUT="600")
        listen(deployment, receiver)
        wait_for("calls that hang", lambda: len(receiver.received) >= 2)
        for person in PEOPLE:
            deployment.one_click(deployment.link(person))
        wait_for("all unsubscribes", lambda: not deployment.query(UNFINISHED), seconds=120)
        assert len(receiver.received) == 2
        assert "delivered" not in dict(deployment.query(STATES))

        deployment.worker.kill()
        receiver.behave(status(204))
        deployment.shell(EXPIRE)
        deployment.worker.start()
        deployment.wait_for_worker()
        number = deployment.query("SELECT count(*) FROM unsub_webhookevent")[0][0]
        wait_for(
            "all events",
            lambda: dict(deployment.query(STATES)) == {"delivered": number},
            seconds=90,
        )
        ids = [got.headers["webhook-id"] for got in receiver.received]
        assert len(set(ids)) == number
        # What was under way when the worker was killed was posted twice, with the same id.
        assert len(ids) == number + 2
        for got in receiver.received:
            Webhook(SECRET).verify(got.body, got.headers)
