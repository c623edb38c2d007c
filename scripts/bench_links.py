"""Links for benchmarks that send one-click requests. Run in Django's shell."""

from pathlib import Path

from django.conf import settings

from unsub.domain.context import JobContext, SubscriberContext, UnsubContext
from unsub.links.tokens import sign_link

from .bench_queue_steps import MID


def links(file: str, number: int) -> None:
    """Write `number` paths of links, each of a subscriber of its own."""
    Path(file).write_text("\n".join(f"/u/{_token(10_000_000 + one)}" for one in range(number)))


def _token(subscriber_id: int) -> str:
    context = UnsubContext(
        mid=MID,
        subscriber=SubscriberContext(subscriber_id=subscriber_id),
        job=JobContext(job_id=88002, list_id=7001, batch_id=0),
    )
    return sign_link(context, keys=settings.LINK_KEYRING)
