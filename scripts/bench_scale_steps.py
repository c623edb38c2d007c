"""Fill a database, then measure each step.

Run by scripts/bench_scale.py in Django's shell.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from django.contrib.auth import get_user_model
from django.core.cache import cache, caches
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import connection
from django.db.models import Sum
from django.test import Client

from unsub.admin import subscriber_search
from unsub.alerting import detection
from unsub.audit import sealing
from unsub.delivery import worker
from unsub.delivery.batch import Batch, Row
from unsub.delivery.claim import claim
from unsub.delivery.sweep import sweep
from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.domain.outcomes import Outcome, Verdict
from unsub.management.progress import Progress
from unsub.models import By, Channel, DailyCount, SubscriberRequest
from unsub.outbox import retention, store
from unsub.outbox.submission import Submission
from unsub.reporting import audit_export, daily_counts, overview

from .bench_audit_steps import server_seconds
from .plans import executed
from .scale_rows import MIDS, PENDING, fill, settle_down
from .steps import say

REQUESTS = "/admin/unsub/subscriberrequest/"
POSTED = Verdict(outcome=Outcome.POSTED, status_code="OK")
MID = MIDS[0]
MANY = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """What is measured, how many times; `before` and `after` are not. `per` divides by the number
    that it returns: a day of more requests has more to export."""

    name: str
    act: Callable[[], Any]
    rounds: int = 7
    per: int = 0
    before: Callable[[], Any] = lambda: None
    after: Callable[[], Any] = lambda: None


def main(number: int, file: str) -> None:
    """Fill the database, measure, and write the results to a file."""
    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    bar = Progress(OutputWrapper(sys.stdout), number + PENDING)
    fill(number, lambda done: bar.show(done, f"{done:,} requests"))
    bar.close()
    settle_down()
    say(f"filled in {time.perf_counter() - started:.0f} s: {_size()}")
    results = {step.name: _measure(step) for step in _steps()}
    Path(file).write_text(json.dumps(results, indent=1))


def _steps() -> Iterator[Step]:
    """Yield the steps in their order: those before them have changed the tables."""
    first = time.time_ns()
    numbers, again = count(first), count(first)
    yield Step("accept", lambda: _accept(next(numbers)), 200)
    yield Step("accept the same again", lambda: _accept(next(again)), 200)
    batches: list[Batch[Row]] = []
    take, settle = lambda: batches.append(_claim()), lambda: _settle(batches.pop())
    yield Step("claim a message", take, 10, after=settle)
    yield Step("settle it", settle, 10, before=take)
    browser = _browser()
    yield Step("sweep", sweep)
    yield Step("evaluate the alarms", detection.evaluate)
    yield Step("metrics", partial(_get, browser, "/metrics"))
    for name, query in {
        "first page": "",
        "refused": "?status__exact=refused",
        "late": "?late=yes",
        "of a unit": f"?unit__mid__exact={MIDS[-1]}",
        "of a list": "?list=7003",
        "of a job": f"?job_id={_job()}",
        "of a day": f"?received_at_from={_day()}&received_at_to={_day()}",
    }.items():
        yield Step(f"requests, {name}", partial(_get, browser, f"{REQUESTS}{query}"))
    address = _address()
    for mid in MIDS:
        # What Marketing Cloud said, which the search keeps.
        cache.set(subscriber_search._key(mid, address), (), timeout=3600)  # noqa: SLF001
    yield Step("search by address", partial(_get, browser, f"{REQUESTS}?q={address}"))
    yield Step("search by SubscriberID", partial(_get, browser, f"{REQUESTS}?q={first}"))
    yield Step("attempts, first page", partial(_get, browser, "/admin/unsub/deliveryattempt/"))
    yield Step("overview of 30 days", partial(overview.build, mids=None, days=30))
    yield Step("overview of 30 days, one unit", partial(overview.build, mids=[MID], days=30))
    yield Step("daily counts, for 1,000 of the day", _count_days, 5, per=1000)
    yield Step("export of a day, for 1,000", _export, 5, per=1000)
    yield Step("retention, a chunk of 500", partial(retention.apply, chunks=1), 2)
    yield Step("retention, nothing due", _retain_all, 5)
    yield Step("sealing, nothing ended", sealing.seal, 5)


def _measure(step: Step) -> dict[str, float]:
    """Return the median of milliseconds and the pages of a step. Its plans are read in a round of
    their own, because that takes time; the last, when caches are filled."""
    times, cpu, shares = [], 0.0, 0.0
    for _ in range(step.rounds):
        step.before()
        used, started = _cpu(), time.perf_counter()
        share = _share(step, step.act())
        times.append((time.perf_counter() - started) * 1000 / share)
        cpu += _cpu() - used
        shares += share
        step.after()
    cpu *= 1000 / shares
    step.before()
    with executed() as plans:
        share = _share(step, step.act())
    step.after()
    pages = sum(plan.pages for plan in plans) / share
    result = {"ms": median(times), "cpu": cpu, "pages": pages, "statements": len(plans)}
    say(f"{step.name}: {median(times):.1f} ms, CPU {cpu:.1f} ms, {pages:,.0f} pages")
    for plan in plans:
        # What reads much, for whoever looks for the cause.
        if plan.pages > MANY:
            say(f"  {plan.pages:,} pages: {plan.statement[:1500]}")
    return result


def _cpu() -> float:
    """Return the seconds of CPU that this process and its PostgreSQL process have taken."""
    return time.process_time() + server_seconds()


def _share(step: Step, returned: Any) -> float:
    return max(returned, 1) / step.per if step.per else 1.0


def _accept(number: int) -> None:
    context = UnsubContext(
        mid=MID, subscriber=SubscriberContext(subscriber_id=number), scope=Scope.LIST,
        job=JobContext(job_id=88002, list_id=7001, batch_id=0),
    )  # fmt: skip
    store.write_at_once(Submission(token="", context=context, channel=Channel.ONE_CLICK))


def _claim() -> Batch[Row]:
    batch = claim(MID)
    assert batch  # noqa: S101 - the queue is full
    return batch


def _settle(batch: Batch[Row]) -> None:
    worker.settle(batch, (POSTED,) * len(batch.rows))


def _get(browser: Client, path: str) -> None:
    caches["shared"].delete("processing_time")
    response = browser.get(path)
    response.close()
    assert response.status_code == 200, (path, response.status_code)  # noqa: S101


def _browser() -> Client:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(get_user_model().objects.create_superuser(f"bench-{time.time_ns()}"))
    return browser


def _address() -> str:
    """Return an address that a request names."""
    address = "ada@example.com"
    context = UnsubContext(
        mid=MIDS[1], subscriber=SubscriberContext(email_address=address), scope=Scope.ALL,
        job=JobContext(),
    )  # fmt: skip
    store.write_at_once(Submission(token="", context=context, channel=Channel.PAGE))
    return address


def _job() -> int:
    rows = SubscriberRequest.objects.filter(job_id__gt=100_000).order_by("-pk")
    return int(rows.values_list("job_id", flat=True)[5_000] or 0)


def _day() -> str:
    return str(_yesterday().date())


def _yesterday() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)


def _count_days() -> int:
    """Return the number of requests on the days that were counted."""
    counts = DailyCount.objects.filter(by=By.KIND, day__in=daily_counts.refresh())
    return counts.aggregate(number=Sum("number"))["number"] or 0


def _export() -> int:
    day = _yesterday()
    rows = SubscriberRequest.objects.filter(
        received_at__gte=day, received_at__lt=day + timedelta(days=1)
    )
    return sum(1 for _ in audit_export.iter_rows(rows))


def _retain_all() -> None:
    retention.apply()


def _size() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_size_pretty(pg_table_size('unsub_subscriberrequest')),"
            " pg_size_pretty(pg_indexes_size('unsub_subscriberrequest')),"
            " pg_size_pretty(pg_database_size(current_database()))"
        )
        table, indexes, database = cursor.fetchone()
    return f"requests {table}, their indexes {indexes}, database {database}"
