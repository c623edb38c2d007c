"""PostgreSQL reads by index what is asked of many requests. SQLite's query plans are different."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from tests.helpers import CHILD, PARENT, context, made
from unsub.domain.context import SubscriberContext
from unsub.models import (
    BusinessUnit,
    Kind,
    LinkEmail,
    Reason,
    Status,
    SubscriberRequest,
)
from unsub.models.request import any_status
from unsub.outbox import identity, precedence, store
from unsub.reporting.latency import is_late

pytestmark = pytest.mark.django_db
ROWS = 3000
Requests = QuerySet[SubscriberRequest]


@pytest.fixture
def many(unit: BusinessUnit) -> None:
    """Many finished requests of the parent unit, over three years, each of another subscriber."""
    SubscriberRequest.objects.bulk_create(
        made(
            number / 3,
            subscriber_id=number,
            subscriber_key=f"key-{number}" if number % 2 else "",
            subscriber_digest=f"digest-{number}",
            job_id=80_000 + number,
            idempotency_key=f"idempotency-{number}",
        )
        for number in range(1, ROWS + 1)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE unsub_subscriberrequest")


QUERIES: dict[str, tuple[Callable[[], Requests | QuerySet[Any]], tuple[str, ...]]] = {
    "the newest of a kind": (
        lambda: _rows().filter(kind=Kind.FORMAT).order_by("-pk")[:100], ("request_kind",),
    ),
    "overdue ones": (
        lambda: _rows().filter(is_late()), ("request_due", "request_leased"),
    ),
    "due ones of a unit": (
        lambda: _rows().filter(unit_id=PARENT, status=Status.PENDING).order_by("next_attempt_at"),
        ("request_due",),
    ),
    "due changes of a unit": (
        lambda: _rows().filter(unit_id=PARENT, status=Status.PENDING).exclude(kind="unsubscribe")
        .order_by("next_attempt_at"),
        ("request_change_due",),
    ),
    "one by its idempotency key": (
        lambda: _rows().filter(idempotency_key__in=["idempotency-7", "x"]),
        ("request_idempotency_key_once",),
    ),
    "those of a subscriber": (
        lambda: _rows().filter(subscriber_digest__in=["digest-7", "x"]),
        ("request_subscriber_digest",),
    ),
    "those of a SubscriberID": (
        lambda: _rows().filter(identity.with_subscriber_id([PARENT, CHILD], {7})),
        ("request_subscriber_digest", "request_subscriber_id"),
    ),
    "those of some SubscriberKeys": (
        lambda: _rows().filter(identity.with_subscriber_key(["key-7", "key-9"])),
        ("request_subscriber_key",),
    ),
    "those of an address": (
        lambda: _rows().filter(identity.with_address(["ada@example.com"])),
        ("request_address_digest",),
    ),
    "those of a subscriber by all identifiers": (
        lambda: identity.requests_of(PARENT, SubscriberContext(
            subscriber_id=7, subscriber_key="key-7", email_address="ada@example.com",
        )),
        ("request_subscriber_digest", "request_subscriber_id", "request_subscriber_key",
         "request_address_digest"),
    ),
    "those of a job": (lambda: _rows().filter(job_id=80_007), ("request_job",)),
    "those with an error code": (lambda: _rows().filter(error_code=401), ("request_error_code",)),
    "those of a day": (
        lambda: _rows().filter(
            received_at__gte=datetime.now(UTC) - timedelta(days=3),
            received_at__lt=datetime.now(UTC) - timedelta(days=2),
        ),
        ("request_received",),
    ),
    "confirmed ones of a unit, newest first": (
        lambda: _rows().filter(
            unit_id=PARENT, status=Status.DONE,
            finished_at__gt=datetime.now(UTC) - timedelta(days=7),
        ).order_by("-finished_at")[:100],
        ("request_ended",),
    ),
    "the newest of a small unit": (
        lambda: _rows().filter(any_status(), unit_id=CHILD).order_by("-pk")[:100],
        ("request_ended", "request_due"),
    ),
    "the newest of a small list": (
        lambda: _rows().filter(any_status(), list_id=7009).order_by("-pk")[:100],
        ("request_list",),
    ),
    "the newest refused ones": (
        lambda: _rows().filter(status=Status.REFUSED).order_by("-pk")[:100],
        ("request_refused_newest",),
    ),
    "unconfirmed ones": (
        lambda: _rows().filter(
            status=Status.WAITING, received_at__lt=datetime.now(UTC) - timedelta(days=7)
        ),
        ("request_waiting",),
    ),
    "expired leases": (
        lambda: _rows().filter(
            status=Status.SENDING, lease_until__lt=datetime.now(UTC)
        ),
        ("request_leased",),
    ),
    "superseded ones": (
        lambda: _rows().filter(status=Status.SUPERSEDED, superseded_by__in=[1, 2]),
        ("request_superseded_by",),
    ),
    "those with a reason": (
        lambda: _rows().filter(reason=Reason.objects.all()[0]), ("request_reason",),
    ),
}  # fmt: skip


def _rows() -> Requests:
    return SubscriberRequest.objects.order_by()


def test_requests_are_found_by_indexes(many: None) -> None:
    for what, (rows, indexes) in QUERIES.items():
        plan = rows().explain()
        assert "Seq Scan on unsub_subscriberrequest" not in plan, (what, plan)
        for index in indexes:
            assert f" {index} " in f"{plan} ".replace("\n", " "), (what, plan)


def test_related_requests_of_twenty_subscribers_are_found_by_indexes(many: None) -> None:
    given = {
        "digests": [f"digest-{number}" for number in range(20)], "ids": list(range(20)),
        "kinds": ["subscribe"], "since": datetime.now(UTC),
    }  # fmt: skip
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
        precedence._RELATED.rows(**given)
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on unsub_subscriberrequest" not in plan, plan


# The indexes that hold a pending unsubscribe with a SubscriberID and a JobID, as most links are.
OF_A_PENDING_UNSUBSCRIBE = {
    "unsub_subscriberrequest_pkey", "request_idempotency_key_once", "request_due",
    "request_subscriber_digest", "request_job", "request_received",
}  # fmt: skip
_HOLDS_ONE = """
SELECT indexrelid::regclass::text, pg_get_expr(indpred, indrelid) FROM pg_index
WHERE indrelid = %s::regclass
"""


@pytest.mark.parametrize("model", [SubscriberRequest, LinkEmail])
def test_no_index_of_a_unique_column_exists_twice(model: type[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS_ONE, [model._meta.db_table])
        assert not [name for name, _ in cursor.fetchall() if name.endswith("_like")]


def test_a_pending_unsubscribe_is_in_six_indexes(unit: BusinessUnit, make_submission: Any) -> None:
    row, _ = store.write(make_submission(1001))
    assert row.subscriber == context(1001).subscriber
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS_ONE, ["unsub_subscriberrequest"])
        conditions = dict(cursor.fetchall())
    own = SubscriberRequest.objects.filter(pk=row.pk)
    held = {
        name
        for name, condition in conditions.items()
        if own.extra(where=[condition or "true"]).exists()  # noqa: S610 - from the catalogue
    }
    assert held == OF_A_PENDING_UNSUBSCRIBE
