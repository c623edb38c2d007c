"""Write a backlog of unsubscribes that wait, and wake a worker.

Run by scripts/bench_delivery.py and scripts/bench_idle.py in Django's shell.
"""

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now

from unsub.domain.context import JobContext, SubscriberContext, UnsubContext
from unsub.domain.retry import HORIZON
from unsub.infra import digests
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox.wakeup import wake

from .bench_queue_steps import FILL

MID, CHUNK = 510001, 5_000


def fill(number: int) -> None:
    """Write this number of due unsubscribes, each of a subscriber of its own, with both
    identifiers, as the links of emails have them."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.get_or_create(mid=MID, defaults={"name": "Example Outfitters"})
    for first in range(0, number, CHUNK):
        SubscriberRequest.objects.bulk_create(
            map(_request, range(first, min(first + CHUNK, number))), batch_size=1_000
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def insert(number: int) -> None:
    """Write this number of due unsubscribes in one statement: a million in a minute. Each names its
    subscriber by the SubscriberID alone."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.get_or_create(mid=MID, defaults={"name": "Example Outfitters"})
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(FILL, (MID, number))
        cursor.execute("VACUUM ANALYZE")


def _request(number: int) -> SubscriberRequest:
    who = SubscriberContext(subscriber_id=number + 1, subscriber_key=f"key-{number:08}")
    return SubscriberRequest(
        unit_id=MID,
        subscriber_id=who.subscriber_id,
        subscriber_key=who.subscriber_key or "",
        subscriber_digest=digests.subscriber_digests(MID, who)[0],
        idempotency_key=digests.digest(digests.Purpose.UNSUBSCRIBE, MID, "bench", number),
        job_id=88000 + number % 400,
        list_id=7000 + number % 12,
        batch_id=0,
        target_type="list",
        target_id=7000 + number % 12,
        scope="list",
        channel="one_click",
        language="en",
        received_at=Now(),
        next_attempt_at=Now(),
        give_up_at=Now() + HORIZON,
    )


def wake_worker() -> None:
    """Send the wake-up of the unit."""
    wake(MID)


def links(path: str, number: int) -> None:
    """Write to a file the paths of this many links, each of a subscriber of its own."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.get_or_create(mid=MID, defaults={"name": "Example Outfitters"})
    job = JobContext(job_id=88002, list_id=7001, batch_id=0)
    contexts = (
        UnsubContext(mid=MID, subscriber=SubscriberContext(subscriber_id=1001 + one), job=job)
        for one in range(number)
    )
    signed = (f"/u/{sign_link(one, keys=settings.LINK_KEYRING)}\n" for one in contexts)
    Path(path).write_text("".join(signed))
