"""Fill a database and measure the admin's pages.

Run by scripts/bench_admin.py in Django's shell.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.test import Client
from django.test.utils import CaptureQueriesContext

from unsub.models import BusinessUnit, SubscriberRequest
from unsub.reporting import daily_counts

from .steps import say

ROUNDS = 15
FILL = """
    INSERT INTO unsub_subscriberrequest (mid, subscriber_id, subscriber_key, email_address, job_id,
        list_id, target_type, target_id, batch_id, scope, channel, reason_id, reason_text,
        language, scanner, received_at, status, next_attempt_at, give_up_at, attempts,
        outcome, sfmc_request_id, finished_at)
    SELECT 510001 + n %% 4, n, '', '', 88000 + n %% 400, 7000 + n %% 12, 'list',
        7000 + n %% 12, 0, 'list',
        CASE WHEN n %% 4 = 0 THEN 'page' ELSE 'one_click' END,
        CASE WHEN n %% 8 = 0 THEN (SELECT min(id) FROM unsub_reason) + n %% 5 END, '', '', '',
        now() - interval '180 days' * n / %s,
        CASE WHEN n %% 500 = 0 THEN 'refused' ELSE 'done' END, now(), now() + interval '10 days', 1,
        CASE WHEN n %% 500 = 0 THEN 'refused' ELSE 'posted' END, '',
        now() - interval '180 days' * n / %s + interval '1 second' * (n %% 90)
    FROM generate_series(1, %s) AS n
"""
PAGES = {
    "overview, 30 days": "/admin/",
    "overview, 90 days": "/admin/?days=90",
    "requests, first page": "/admin/unsub/subscriberrequest/",
    "requests, refused": "/admin/unsub/subscriberrequest/?status__exact=refused",
    "requests, late": "/admin/unsub/subscriberrequest/?late=yes",
    "attempts, first page": "/admin/unsub/deliveryattempt/",
}


def main(number: int) -> None:
    """Fill the database, then print a table."""
    call_command("migrate", verbosity=0)
    for mid in range(510001, 510005):
        BusinessUnit.objects.create(mid=mid, name=f"Example {mid}")
    with connection.cursor() as cursor:
        # Takes longer than the statement time-out of a page.
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(FILL, (number, number, number))
        cursor.execute("ANALYZE")
        cursor.execute("RESET statement_timeout")
    started = time.perf_counter()
    daily_counts.refresh()
    first = time.perf_counter() - started
    again = _median(daily_counts.refresh)
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.create_superuser("bench"))
    say(f"| over {number:,} requests | queries | median ms |")
    say("| --- | ---: | ---: |")
    for name, path in PAGES.items():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200  # noqa: S101 - a table of errors is none
        say(f"| {name} | {len(queries)} | {_median(partial(client.get, path)):.0f} |")
    say(f"| one of its charts, counted from the rows | 1 | {_median(_count_rows):.0f} |")
    say(f"| the daily counts, the first time | | {first * 1000:.0f} |")
    say(f"| the daily counts, once a minute | | {again:.0f} |")


def _count_rows() -> list[Any]:
    """Count by day what the overview reads from the daily counts."""
    days = SubscriberRequest.objects.order_by().values_list(TruncDate("received_at"))
    return list(days.annotate(number=Count("pk")))


def _median(act: Callable[[], Any]) -> float:
    """Return the median time in ms."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        act()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)
