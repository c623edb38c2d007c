"""What `bench_audit` measures."""

import os
import resource
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from unsub.audit import sealing, verification
from unsub.models import BusinessUnit

from .steps import say

UNITS = (510001, 510002, 510003)
REQUESTS = """
INSERT INTO unsub_subscriberrequest (mid, kind, target_type, target_id, target_name, scope, channel,
    subscriber_id, subscriber_key, email_address, job_id, list_id, language, received_at, status,
    call_method, attempts, outcome, sfmc_request_id, finished_at, give_up_at, reason_text, value,
    seal_salt)
SELECT 510001 + n %% 3, 'unsubscribe', 'list', 7001, '', 'list', 'one_click', n, 'key-' || n, '',
    88000 + n %% 500, 7001, 'de-DE', now() - interval '90 days' + n * interval '5 s', 'done',
    'event', 1, 'posted', gen_random_uuid()::text,
    now() - interval '90 days' + n * interval '5 s' + interval '4 s', now(), 'Too many', '',
    gen_random_uuid()
FROM generate_series(1, %s) AS n
"""
ATTEMPTS = """
INSERT INTO unsub_deliveryattempt (request_id, number, lease, started_at, finished_at, outcome,
    status_code, detail, sfmc_request_id, batch_size)
SELECT id, 1, gen_random_uuid(), finished_at - interval '1 s', finished_at, 'posted', 'OK', '',
    sfmc_request_id, 20
FROM unsub_subscriberrequest ORDER BY id
"""


def main(number: int) -> None:
    """Print the rates."""
    call_command("migrate", verbosity=0)
    BusinessUnit.objects.bulk_create(BusinessUnit(mid=mid, name=f"Unit {mid}") for mid in UNITS)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(REQUESTS, [number])
        cursor.execute(ATTEMPTS)
        cursor.execute("ANALYZE")
        cursor.execute("RESET statement_timeout")
    sealing.LAG = timedelta()
    _measure("sealed", lambda: sealing.seal() + sealing.seal())
    for _ in range(3):
        _measure("verified", _verified)


def _verified() -> int:
    result = verification.Result()
    if found := next(verification.verify(result), None):
        raise AssertionError(found)
    return result.rows


def _measure(what: str, work: Callable[[], int]) -> None:
    started, used, server = time.perf_counter(), time.process_time(), server_seconds()
    rows = work()
    seconds, own = time.perf_counter() - started, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    say(
        f"{what:<9} {rows:>10,} rows in {seconds:6.1f} s: {rows / seconds:>9,.0f} rows/s;"
        f" CPU {own:.1f} s in Python, {server_seconds() - server:.1f} s in PostgreSQL,"
        f" {memory} MB at most"
    )


def server_seconds() -> float:
    """Return the CPU time that the connection's server process has used; 0 where the system does
    not say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
