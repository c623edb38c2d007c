"""Fill a queue, then hold, monitor and release it.

Run by scripts/bench_queue.py in Django's shell.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

from django.core.management import call_command
from django.db import connection

from unsub.alerting import detection
from unsub.delivery import circuit, worker
from unsub.delivery.claim import claim
from unsub.domain.outcomes import Outcome, Verdict
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.models.shown_status import is_held
from unsub.outbox import api as outbox
from unsub.units import queue_state

from .steps import say

MID, ROUNDS = 510001, 15
REVOKED = Verdict(outcome=Outcome.MISCONFIGURED, detail="credentials refused")
FILL = """
    INSERT INTO unsub_subscriberrequest (mid, subscriber_id, subscriber_key, email_address, job_id,
        list_id, target_type, target_id, batch_id, scope, channel, reason_text, language, scanner,
        received_at, status, next_attempt_at, give_up_at, attempts, outcome, sfmc_request_id)
    SELECT %s, n, '', '', 88000 + n %% 400, 7000 + n %% 12, 'list', 7000 + n %% 12, 0, 'list',
        'one_click', '', '', '',
        now() - interval '5 hours', 'pending', now() - interval '5 hours' + interval '1 ms' * n,
        now() + interval '10 days', 0, '', ''
    FROM generate_series(1, %s) AS n
"""
Times = dict[str, list[float]]
Result = TypeVar("Result")


def main(number: int) -> None:
    """Fill the queue, then print a table."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.create(mid=MID, name="Example Outfitters")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(FILL, (MID, number))
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("RESET statement_timeout")
    times: Times = {}
    for _ in range(ROUNDS):
        _round(times)
    say(f"| with {number:,} requests waiting | median ms | longest ms |")
    say("| --- | ---: | ---: |")
    for name, each in times.items():
        say(f"| {name} | {median(each):.1f} | {max(each):.1f} |")


def _round(times: Times) -> None:
    """Measure each step once: the queue is open before and after."""
    batch = _timed(times, "claim a message", lambda: claim(MID))
    assert batch  # noqa: S101 - the queue is full
    verdicts = (REVOKED,) * len(batch.rows)
    _timed(times, "settle it: credentials refused, hold", lambda: worker.settle(batch, verdicts))
    _timed(times, "claim while it is held: nothing", lambda: claim(MID))
    _timed(times, "evaluate all alarms while it is held", lambda: list(detection.find()))
    _timed(times, "sweep: whom to wake", lambda: queue_state.mids_to_wake(own=None))
    _timed(times, "count held requests", SubscriberRequest.objects.filter(is_held()).count)
    _timed(
        times, "count by status (metrics)", lambda: list(SubscriberRequest.objects.open_counts())
    )
    _timed(times, "release, and count", lambda: outbox.release([MID]))
    queue_state.hold(MID, "credentials refused")
    _timed(times, "release by a probe", lambda: circuit.record_results(MID, (_passed(),)))
    _timed(times, "evaluate all alarms while it is open", lambda: list(detection.find()))


def _passed() -> Verdict:
    return Verdict(outcome=Outcome.POSTED, status_code="OK")


def _timed(times: Times, name: str, step: Callable[[], Result]) -> Result:
    """Return the result of a step, and record its duration in ms."""
    started = time.perf_counter()
    result = step()
    times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
    return result
