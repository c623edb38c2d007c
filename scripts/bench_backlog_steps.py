"""Fill a queue, then do with it whatever users, commands, tasks and monitoring do.

Run by scripts/bench_backlog.py in Django's shell.
"""

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client

from unsub.alerting import detection
from unsub.delivery import sweep, worker
from unsub.delivery.claim import claim
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.reporting import audit_export, daily_counts, overview
from unsub.units import queue_state

from .bench_queue_steps import FILL, MID
from .steps import say

REVOKED = Verdict(outcome=Outcome.MISCONFIGURED, detail="credentials refused")
POSTED = Verdict(outcome=Outcome.POSTED, status_code="OK")
ADMIN = "/admin/unsub/"
REQUESTS, UNITS = f"{ADMIN}subscriberrequest/", f"{ADMIN}businessunit/"


def main(number: int) -> None:
    """Fill the queue, then print a table. Exits with 1 where a step was cancelled."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.create(mid=MID, name="Example Outfitters")
    _execute(FILL, (MID, number))
    _execute("VACUUM ANALYZE")
    say(f"| with {number:,} requests waiting | seconds | longest statement |")
    say("| --- | ---: | ---: |")
    failed = [name for name, step in _steps() if not _run(name, step)]
    if failed:
        sys.exit(1)


def _steps() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each step with its name, in order: the queue is held at first, then released."""
    browser = _browser()
    yield "claim a message, credentials refused: settle and hold", lambda: _send(REVOKED)
    yield from _looks(browser, "held")
    yield "requeue --dry-run", lambda: _command("requeue", "--all", "--dry-run")
    yield "Try again, all: the question", lambda: _try_again(browser)
    yield "Try again, all: the first 500", lambda: _try_again(browser, confirmed="on")
    half = SubscriberRequest.objects.order_by("pk").values_list("pk", flat=True)
    middle = half[half.count() // 2]
    yield (
        "Try again, all: 500 in the middle",
        (lambda: _try_again(browser, confirmed="on", after=str(middle))),
    )
    yield "requeue --all", lambda: _command("requeue", "--all")
    yield "Release in the admin", lambda: _release(browser)
    yield "hold again", lambda: queue_state.hold(MID, "credentials refused")
    yield "release --dry-run", lambda: _command("release", "--dry-run", str(MID))
    yield "release", lambda: _command("release", str(MID))
    yield "claim a message, posted: settle", lambda: _send(POSTED)
    yield from _looks(browser, "open")
    yield "release, as code calls it", lambda: outbox.release([MID])
    BusinessUnit.objects.filter(mid=MID).update(mid=MID + 1)
    BusinessUnit.objects.filter(mid=MID).delete()
    yield from _looks(browser, "of an unknown unit")
    BusinessUnit.objects.create(mid=MID, name="Example Outfitters")
    _execute("UPDATE unsub_subscriberrequest SET give_up_at = now() - interval '1 second'")
    _execute("VACUUM ANALYZE unsub_subscriberrequest")
    yield "sweep: give all of them up (all its runs)", _give_up
    yield from _looks(browser, "given up")
    yield "requeue --all, after that", lambda: _command("requeue", "--all")


def _looks(browser: Client, state: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the steps that change nothing."""
    yield f"{state}: evaluate the alarms", detection.evaluate
    yield f"{state}: sweep", sweep.sweep
    yield f"{state}: metrics", lambda: _get(browser, "/metrics")
    yield f"{state}: overview of 7 days", lambda: overview.build(mids=None, days=7)
    yield f"{state}: first page of the admin", lambda: _get(browser, "/admin/")
    yield f"{state}: list of requests", lambda: _get(browser, REQUESTS)
    for shown in ("held", "pending", "refused"):
        url = f"{REQUESTS}?status__exact={shown}"
        yield f"{state}: list, {shown}", partial(_get, browser, url)
    yield f"{state}: list of units", lambda: _get(browser, UNITS)
    yield f"{state}: delivery_status", lambda: _command("delivery_status")
    yield f"{state}: refresh the daily counts", daily_counts.refresh
    yield (
        f"{state}: export_audit, first 1,000",
        lambda: list(islice(audit_export.iter_rows(SubscriberRequest.objects.all()), 1000)),
    )


def _send(verdict: Verdict) -> None:
    """Claim a message and settle it with this verdict for each row."""
    batch = claim(MID)
    assert batch  # noqa: S101 - the queue is full
    worker.settle(batch, (verdict,) * len(batch.rows))


def _give_up() -> None:
    """Sweep until no request is past its horizon."""
    while SubscriberRequest.objects.filter(status="pending").exists():
        sweep.sweep()


def _try_again(browser: Client, **more: str) -> None:
    """Post the action for all held requests."""
    _post(browser, f"{REQUESTS}?status__exact=held", "try_selected_again", **more)


def _release(browser: Client) -> None:
    """Post the confirmed action for all units."""
    _post(browser, UNITS, "release", confirmed="on")


def _post(browser: Client, url: str, action: str, **more: str) -> None:
    first = str(SubscriberRequest.objects.order_by("pk").values_list("pk", flat=True)[0])
    fields = {"action": action, "select_across": "1", "_selected_action": first, "index": "0"}
    response = browser.post(url, fields | more)
    assert response.status_code in (200, 302), response.status_code  # noqa: S101


def _get(browser: Client, url: str) -> None:
    caches["shared"].clear()
    response = browser.get(url)
    response.close()
    assert response.status_code == 200, response.status_code  # noqa: S101


def _command(*words: str) -> None:
    call_command(*words, stdout=io.StringIO())


def _browser() -> Client:
    """Return the client of a superuser."""
    user = User.objects.create_superuser("bench")
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def _run(name: str, step: Callable[[], Any]) -> bool:
    """Print a row of the table. Return whether the step was carried out."""
    started, failure = time.perf_counter(), ""
    with _longest() as longest:
        try:
            step()
        except (DatabaseError, AssertionError) as err:
            failure = f" **{type(err).__name__}: {str(err).splitlines()[0][:60]}**"
    say(f"| {name}{failure} | {time.perf_counter() - started:.2f} | {longest[0]:.2f} |")
    return not failure


@contextmanager
def _longest() -> Iterator[list[float]]:
    """Yield a list with the seconds of the longest statement of the block so far."""
    longest = [0.0]

    def measure(execute: Any, sql: str, params: Any, many: bool, known: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, known)
        finally:
            longest[0] = max(longest[0], time.perf_counter() - started)

    with connection.execute_wrapper(measure):
        yield longest


def _execute(statement: str, parameters: tuple[Any, ...] = ()) -> None:
    """Execute a statement without a time-out."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(statement, parameters)
        cursor.execute("RESET statement_timeout")
