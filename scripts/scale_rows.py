"""Fills the tables as they are after two years, for scripts/bench_scale.py and the tests of the
plans.

Twelve business units of different size. Of the requests 96 in 100 are unsubscribes, one was
refused; half of the units empty theirs after a year. PENDING more wait, whatever the size of the
table, the last UNHANDLED refused ones have no note, and about DUE are due for retention.

PostgreSQL makes the rows: COPY takes a third of the time in PostgreSQL, but Python needs five times
as long to write its lines.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from unsub.audit import sealing
from unsub.infra import digests
from unsub.models import (
    BusinessUnit,
    CountCursor,
    DeliveryAttempt,
    Reason,
    SealCursor,
    SubscriberRequest,
)

MIDS = tuple(range(510001, 510013))
WEIGHTS = (30, 16, 12, 10, 8, 6, 5, 4, 3, 3, 2, 1)
PENDING, LATE, UNHANDLED, DUE = 3_000, 20, 100, 1_500
DAYS, RETENTION = 730, 365
CHUNK = 50_000
# `draw` is the place of a row in each hundred. Some thirty sends of a unit are answered at a time.
# A third of the rows that wait is due later.
REQUESTS = """
INSERT INTO unsub_subscriberrequest (id, mid, kind, target_type, target_id, target_name, scope,
    channel, subscriber_id, subscriber_key, email_address, address_digest, forgotten_at,
    subscriber_id_digest, subscriber_key_digest, job_id, list_id, batch_id, language,
    subscriber_digest, received_at, next_attempt_at, give_up_at, attempts, outcome, error_code,
    sfmc_request_id, finished_at, status, idempotency_key, seal_salt, reason_id, reason_text, value,
    superseded_by_id)
SELECT n, mid, kind,
    CASE WHEN kind = 'attribute' THEN 'attribute' WHEN scope = 'all' THEN 'everything'
        ELSE 'list' END,
    CASE WHEN kind <> 'attribute' AND scope <> 'all' THEN list END,
    CASE WHEN kind = 'attribute' THEN 'First name' ELSE '' END,
    scope,
    CASE WHEN draw BETWEEN 20 AND 24 AND NOT waits THEN 'import' WHEN draw < 60 THEN 'one_click'
        WHEN draw < 90 THEN 'page' ELSE 'profile' END,
    CASE WHEN has_id AND NOT is_empty THEN who END,
    CASE WHEN has_key AND NOT is_empty THEN 'key-' || who ELSE '' END,
    CASE WHEN NOT has_id AND NOT is_empty THEN 'person' || who || '@example.com' ELSE '' END,
    CASE WHEN NOT has_id THEN %(prefix)s || md5('address' || who) ELSE '' END,
    CASE WHEN is_empty THEN ended + interval '365 days' END,
    CASE WHEN has_id AND is_empty THEN %(prefix)s || md5(mid || 'id' || who) ELSE '' END,
    CASE WHEN has_key AND is_empty THEN %(prefix)s || md5(mid || 'key' || who) ELSE '' END,
    80000 + (EXTRACT(EPOCH FROM received)::bigint / 86400 * 3 + who %% 90) * 20 + mid %% 20,
    list, 0, 'de-DE', %(prefix)s || md5(mid || 'id' || who), received,
    CASE WHEN waits AND draw %% 3 = 0 THEN %(now)s + interval '5 hours' ELSE received END,
    received + interval '10 days', attempts,
    CASE WHEN waits OR status = 'superseded' THEN '' WHEN status = 'refused' THEN 'refused'
        ELSE 'posted' END,
    CASE WHEN status = 'refused' THEN 12014 END,
    CASE WHEN attempts > 0 THEN 'r-' || lpad(n::text, 30, '0') ELSE '' END,
    CASE WHEN NOT waits THEN ended END,
    status, %(prefix)s || md5('request' || n),
    CASE WHEN NOT is_empty THEN md5('salt' || n)::uuid END,
    CASE WHEN draw %% 8 = 1 THEN (%(reasons)s::bigint[])[1 + n %% %(number_of_reasons)s] END,
    CASE WHEN draw %% 8 = 1 THEN 'Too many' ELSE '' END,
    CASE WHEN kind = 'attribute' AND NOT is_empty THEN 'A' ELSE '' END,
    CASE WHEN status = 'superseded' THEN n - 1 END
FROM (
    SELECT *, n %% 100 AS draw, n > %(number)s AS waits, 7001 + who %% 12 AS list,
        received + interval '1 second' * (2 + n %% 90) AS ended,
        n %% 10 <> 0 AS has_id, n %% 10 < 3 AS has_key,
        CASE WHEN n %% 10 = 5 AND n %% 100 <> 15 THEN 'all' ELSE 'list' END AS scope,
        CASE WHEN n %% 100 IN (13, 14) THEN 'subscribe' WHEN n %% 100 IN (15, 16) THEN 'attribute'
            ELSE 'unsubscribe' END AS kind,
        CASE WHEN n > %(number)s THEN 'pending' WHEN n %% 100 = 7 THEN 'refused'
            WHEN n %% 100 = 8 THEN 'superseded' ELSE 'done' END AS status,
        CASE WHEN n > %(number)s OR n %% 100 IN (8, 20, 21, 22, 23, 24) THEN 0 ELSE 1 END
            AS attempts,
        mid <= %(emptied)s AND n <= %(old)s
            AND NOT (mid = %(first_mid)s AND n > %(old)s - %(due)s) AS is_empty
    FROM (
        SELECT n, (%(mids)s::bigint[])[1 + (hashint8(n) & 2147483647) %% 100] AS mid,
            1 + (hashint8(n + 1000000007) & 2147483647) %% %(number)s AS who,
            CASE WHEN n <= %(number)s THEN %(now)s - (%(number)s - n) * %(step)s::interval
                WHEN n <= %(number)s + %(late)s THEN %(now)s - interval '3 days'
                ELSE %(now)s - interval '1 second' * (1 + n %% 7200) END AS received
        FROM generate_series(%(first)s, %(last)s) AS n
    ) AS drawn
) AS made
"""
ATTEMPTS = """
INSERT INTO unsub_deliveryattempt (request_id, number, lease, started_at, finished_at, outcome,
    status_code, error_code, detail, sfmc_request_id, call_method, batch_size)
SELECT id, 1, md5('lease' || id)::uuid, finished_at - interval '1 second', finished_at, outcome,
    'OK', error_code, '', sfmc_request_id, 'event', 20
FROM unsub_subscriberrequest WHERE id BETWEEN %s AND %s AND attempts > 0
"""
NOTES = """
INSERT INTO unsub_resolutionnote (request_id, at, note)
SELECT id, finished_at + interval '1 hour', 'dealt with' FROM unsub_subscriberrequest
WHERE status = 'refused' AND id <= %s
"""
# As unsub/reporting/daily_counts.py counts, which takes a day at a time.
BY_STATE = """
INSERT INTO unsub_dailycount (day, mid, by, key, number)
SELECT (received_at AT TIME ZONE 'UTC')::date AS day, mid, 'state', status, count(*)
FROM unsub_subscriberrequest WHERE kind = 'unsubscribe' GROUP BY day, mid, status
"""
BY_OTHERS = """
INSERT INTO unsub_dailycount (day, mid, by, key, number)
SELECT day, mid, by, key, number FROM (
    SELECT (received_at AT TIME ZONE 'UTC')::date AS day, mid,
        CASE WHEN GROUPING(channel) = 0 THEN 'channel' WHEN GROUPING(job_id) = 0 THEN 'job'
            WHEN GROUPING(list_id) = 0 THEN 'list' WHEN GROUPING(reason_id) = 0 THEN 'reason'
            ELSE 'kind' END AS by,
        coalesce(channel, job_id::text, list_id::text, reason_id::text, kind, '') AS key,
        CASE WHEN GROUPING(kind) = 0 THEN count(*)
            ELSE count(*) FILTER (WHERE kind = 'unsubscribe') END AS number
    FROM unsub_subscriberrequest WHERE status <> 'superseded'
    GROUP BY 1, mid, GROUPING SETS (channel, job_id, list_id, reason_id, kind)
) AS counted WHERE number > 0
"""
BY_JOB_AND_REASON = """
INSERT INTO unsub_dailycount (day, mid, by, key, number)
SELECT (received_at AT TIME ZONE 'UTC')::date AS day, mid, 'job_reason',
    job_id || ':' || reason_id AS key, count(*)
FROM unsub_subscriberrequest
WHERE kind = 'unsubscribe' AND status <> 'superseded' AND job_id IS NOT NULL
    AND reason_id IS NOT NULL
GROUP BY 1, mid, 4
"""


def fill(number: int, report: Callable[[int], None] = lambda _done: None) -> None:
    """Fill the tables with `number` requests that have ended and PENDING that wait, their attempts,
    notes, daily counts, and cursors of the seals as if everything were sealed. Indexes are made at
    the end. `report` gets the number of requests so far.
    """
    emptied = MIDS[len(MIDS) // 2 - 1]
    BusinessUnit.objects.bulk_create(
        BusinessUnit(
            mid=mid, name=f"Example {mid}", retention_days=RETENTION if mid <= emptied else None
        )
        for mid in MIDS
    )
    parameters = _parameters(number) | {"emptied": emptied}
    end = number + PENDING
    with _bulk() as cursor:
        for first in range(1, end + 1, CHUNK):
            last = min(first + CHUNK - 1, end)
            cursor.execute(REQUESTS, parameters | {"first": first, "last": last})
            cursor.execute(ATTEMPTS, [first, last])
            report(last)
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('unsub_subscriberrequest', 'id'), %s)", [end]
        )
        cursor.execute(NOTES, [number - 100 * UNHANDLED])
        cursor.execute(BY_STATE)
        cursor.execute(BY_OTHERS)
        cursor.execute(BY_JOB_AND_REASON)
        CountCursor.objects.create(pk=1, upto=parameters["now"])
    _seal()


def _parameters(number: int) -> dict[str, Any]:
    reasons = list(Reason.objects.order_by("pk").values_list("pk", flat=True)[:5])
    return {
        "number": number,
        "prefix": f"{digests.keyring().keys[0].id}:",
        "mids": [mid for mid, weight in zip(MIDS, WEIGHTS, strict=True) for _ in range(weight)],
        "first_mid": MIDS[0],
        "reasons": reasons,
        "number_of_reasons": len(reasons) or 1,
        "now": datetime.now(UTC),
        "step": timedelta(days=DAYS) / number,
        "old": number - int(number * RETENTION / DAYS),
        "due": DUE * sum(WEIGHTS) // WEIGHTS[0],
        "late": LATE,
    }


def settle_down() -> None:
    """Let PostgreSQL do now what autovacuum and the checkpointer do in their time."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        cursor.execute("RESET statement_timeout")


@contextmanager
def _bulk() -> Iterator[Any]:
    """Yield a cursor without triggers, foreign keys and the large tables' indexes, and make the
    indexes in the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        again = [
            statement
            for table in ("unsub_subscriberrequest", "unsub_deliveryattempt")
            for statement in _drop_indexes(cursor, table)
        ]
        yield cursor
        for statement in again:
            cursor.execute(statement)


def _drop_indexes(cursor: Any, table: str) -> list[str]:
    """Drop the indexes and unique constraints of a table, but the primary key. Return the
    statements that make them again."""
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'u'",
        [table],
    )
    constraints = cursor.fetchall()
    for name, _ in constraints:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = %s::regclass AND NOT indisprimary",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    made = [definition for _, definition in indexes]
    return made + [f"ALTER TABLE {table} ADD CONSTRAINT {name} {of}" for name, of in constraints]


def _seal() -> None:
    """Set the cursors of the seals as if everything were sealed (docs/adr/0028: they are hints)."""
    ended = SubscriberRequest.objects.filter(finished_at__isnull=False)
    cursors = []
    for mid in MIDS:
        last = ended.filter(unit_id=mid).aggregate(at=Max("finished_at"))["at"]
        cursors.append(SealCursor(source=str(mid), upto_at=last))
    now = datetime.now(UTC)
    by_id: dict[str, Any] = {sealing.IMPORTS: SubscriberRequest, sealing.ATTEMPTS: DeliveryAttempt}
    for source, model in by_id.items():
        highest = model.objects.aggregate(pk=Max("pk"))["pk"]
        cursors.append(SealCursor(source=source, upto_id=highest, seen_at=now, seen_id=highest))
    cursors.append(SealCursor(source=sealing.RUN, upto_at=now))
    SealCursor.objects.bulk_create(cursors)
