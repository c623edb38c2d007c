"""The measurements of scripts/bench_centre.py, run in Django's shell."""

import gzip
import sys
import time
from statistics import median

from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from unsub.domain.context import JobContext, SubscriberContext, UnsubContext
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit
from unsub.preferences import limits, snapshot
from unsub.sandbox.world.sample import PARENT

from .bench_centre_cloud import LATENCY, marketing_cloud
from .steps import say

PAGES = 15
limits.VIEWS = sys.maxsize
NAMES = {
    "SubscriberKey in the link": SubscriberContext(subscriber_key="ada-1001"),
    "SubscriberID alone": SubscriberContext(subscriber_id=1001),
}


def main(lists: int, attributes: int) -> None:
    """Print the table."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.create(mid=PARENT, name="Example Outfitters", profile_centre=True)
    with marketing_cloud(lists, attributes) as url:
        settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = url
        settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "sandbox"  # noqa: S105
        settings.SFMC_ACCOUNT_ID = PARENT
        settings.ALLOWED_HOSTS = ["testserver"]
        _page(NAMES["SubscriberKey in the link"])  # the token, and zeep's first message
        say(f"{lists} lists, {attributes} attributes, each call {LATENCY * 1000:.0f} ms; "
            f"median ms of {PAGES}, and in round trips' time")  # fmt: skip
        say("| link | nothing cached | lists and attributes cached | all cached | gzip bytes |")
        say("| --- | ---: | ---: | ---: | ---: |")
        for name, subscriber in NAMES.items():
            say(_row(name, subscriber))


def _row(name: str, subscriber: SubscriberContext) -> str:
    """Return a row of the table. The three cases alternate, so that load on the machine affects all
    of them."""
    times: dict[str, list[float]] = {"cold": [], "usual": [], "warm": []}
    size = 0
    for _ in range(PAGES):
        cache.clear()
        for kind, taken in times.items():
            if kind == "usual":
                snapshot.forget(PARENT, subscriber)
            began = time.perf_counter()
            size = _page(subscriber)
            taken.append(time.perf_counter() - began)
    return f"| {name} | {' | '.join(map(_cell, times.values()))} | {size:,} |"


def _cell(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.0f} ({median(seconds) / LATENCY:.2f})"


def _page(subscriber: SubscriberContext) -> int:
    """Return the compressed size of the page; SystemExit unless it shows every list."""
    context = UnsubContext(
        mid=PARENT, subscriber=subscriber, job=JobContext(job_id=88002, list_id=7001),
        issued_at=int(time.time()),
    )  # fmt: skip
    path = f"/p/{sign_link(context, keys=settings.LINK_KEYRING)}"
    answer = Client().get(path, headers={"accept-encoding": "gzip"})
    html = gzip.decompress(answer.content)
    if b'name="keep"' not in html or b"<dt>Attribute 00" not in html:
        raise SystemExit("the page does not show everything")
    return len(answer.content)
