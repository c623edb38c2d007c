"""The pages of scripts/bench_centre.py, inside Django."""

import gzip
import time
from statistics import median

from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from unsub.context import JobContext, SubscriberContext, UnsubContext
from unsub.links import sign_link
from unsub.models import BusinessUnit
from unsub.sandbox import Sandbox
from unsub.sandbox.sample import PARENT
from unsub.sandbox.values import MailList

from .steps import say

LATENCY = 0.2  # seconds that each call to Marketing Cloud takes
PAGES = 15
NAMES = {
    "SubscriberKey in the link": SubscriberContext(subscriber_key="ada-1001"),
    "SubscriberID alone": SubscriberContext(subscriber_id=1001),
}


def main(lists: int) -> None:
    """Print the table."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.create(mid=PARENT, name="Example Outfitters", profile_centre=True)
    there = [
        MailList(
            list_id=7001 + number, mid=PARENT, name=f"List {number:02}",
            description="What is new, once a week, in a few lines.",
        )
        for number in range(lists)
    ]  # fmt: skip
    with Sandbox(lists=there, jobs=()) as sandbox:
        settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = sandbox.url
        settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "sandbox"  # noqa: S105
        settings.SFMC_ACCOUNT_ID = PARENT
        settings.ALLOWED_HOSTS = ["testserver"]
        _page(NAMES["SubscriberKey in the link"])  # the token, and zeep's first message
        sandbox.cue("latency", times=None, value=LATENCY)
        say(f"| {lists} lists, each call {LATENCY * 1000:.0f} ms | ms, median of {PAGES} "
            "| round trips' time | bytes packed |")  # fmt: skip
        say("| --- | ---: | ---: | ---: |")
        for name, subscriber in NAMES.items():
            times, size = [], 0
            for _ in range(PAGES):
                cache.clear()
                began = time.perf_counter()
                size = _page(subscriber)
                times.append(time.perf_counter() - began)
            say(f"| {name} | {median(times) * 1000:.0f} | {median(times) / LATENCY:.2f} | {size} |")


def _page(subscriber: SubscriberContext) -> int:
    """Return the size of the page as it travels, once it shows every list."""
    context = UnsubContext(
        mid=PARENT, subscriber=subscriber, job=JobContext(job_id=88002, list_id=7001),
        issued_at=int(time.time()),
    )  # fmt: skip
    path = f"/p/{sign_link(context, keys=settings.LINK_KEYRING)}"
    answer = Client().get(path, headers={"accept-encoding": "gzip"})
    if b'name="keep"' not in gzip.decompress(answer.content):
        raise SystemExit("the page shows no lists")
    return len(answer.content)
