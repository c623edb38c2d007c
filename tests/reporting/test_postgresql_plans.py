"""PostgreSQL reads by index what is asked of many requests. SQLite's query plans are different."""

import pytest
from django.db import connection

from tests.helpers import made
from unsub.models import BusinessUnit, Kind, SubscriberRequest
from unsub.reporting.latency import is_late

pytestmark = pytest.mark.django_db


def test_requests_of_a_kind_are_found_by_an_index(unit: BusinessUnit) -> None:
    SubscriberRequest.objects.bulk_create(made(3) for _ in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE unsub_subscriberrequest")
    plan = SubscriberRequest.objects.filter(kind=Kind.FORMAT).order_by("-pk")[:100].explain()
    assert "request_kind" in plan


def test_overdue_requests_are_found_by_indexes(unit: BusinessUnit) -> None:
    SubscriberRequest.objects.bulk_create(made(3) for _ in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE unsub_subscriberrequest")
    plan = SubscriberRequest.objects.order_by().filter(is_late()).explain()
    for index in ("request_due", "request_leased"):
        assert index in plan
