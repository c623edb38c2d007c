"""Queries that Django writes once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import BigIntegerField, CharField, DurationField, UUIDField
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from tests.helpers import PARENT, made
from unsub.infra.queries import Given, OneOf, PreparedChange, PreparedModels, PreparedSelect
from unsub.models import BusinessUnit, Status, SubscriberRequest

pytestmark = pytest.mark.django_db
_IDS = Given("ids", BigIntegerField(), many=True)
_ROWS = PreparedModels(
    SubscriberRequest, lambda: SubscriberRequest.objects.filter(OneOf("pk", _IDS)).order_by("pk")
)
_WITH_DIGESTS = PreparedSelect(
    lambda: (
        SubscriberRequest.objects.order_by("pk")
        .filter(OneOf("subscriber_digest", Given("digests", CharField(), many=True)))
        .values_list("pk", "received_at", "seal_salt")
    )
)
_LIKE = PreparedSelect(
    lambda: (
        SubscriberRequest.objects.order_by("pk")
        .filter(
            OneOf(
                "subscriber_digest",
                SubscriberRequest.objects.order_by()
                .filter(subscriber_id=Given("number", BigIntegerField()))
                .values("subscriber_digest"),
            )
        )
        .values_list("pk")
    )
)
_LEASE = PreparedChange(
    lambda: (
        SubscriberRequest.objects.filter(OneOf("pk", _IDS)),
        {
            "status": Status.SENDING,
            "lease": Given("lease", UUIDField()),
            "lease_until": Now() + Given("lifetime", DurationField()),
            "attempts": 1,
            "finished_at": None,
        },
    )
)


@pytest.fixture
def rows(unit: BusinessUnit) -> list[SubscriberRequest]:
    """Three requests of two digests."""
    SubscriberRequest.objects.bulk_create(
        made(
            1,
            subscriber_id=number,
            subscriber_digest=digest,
            idempotency_key=str(number),
            status=Status.PENDING,
            attempts=0,
        )
        for number, digest in ((1, "odd'%s"), (2, "even"), (3, "odd'%s"))
    )
    return list(SubscriberRequest.objects.order_by("pk"))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_list_of_any_length_is_one_parameter(rows: list[SubscriberRequest], number: int) -> None:
    ids = [row.pk for row in rows[:number]]
    assert [row.pk for row in _ROWS.objects(ids=ids)] == ids


def test_whole_rows_are_read_as_django_reads_them(rows: list[SubscriberRequest]) -> None:
    names = [field.attname for field in SubscriberRequest._meta.concrete_fields]
    for found, row in zip(_ROWS.objects(ids=[row.pk for row in rows]), rows, strict=True):
        assert [getattr(found, name) for name in names] == [getattr(row, name) for name in names]
        assert found._state.db == "default"
        assert not found._state.adding


def test_columns_have_the_values_of_their_fields(rows: list[SubscriberRequest]) -> None:
    found = _WITH_DIGESTS.rows(digests=["odd'%s", "none"])
    assert found == [(row.pk, row.received_at, row.seal_salt) for row in (rows[0], rows[2])]


def test_a_subquery_gives_the_values(rows: list[SubscriberRequest]) -> None:
    assert _LIKE.column(number=1) == [rows[0].pk, rows[2].pk]
    assert _LIKE.column(number=9) == []


def test_an_update_takes_values_of_every_kind(rows: list[SubscriberRequest]) -> None:
    first, lease = rows[0], uuid4()
    assert _LEASE.execute(ids=[first.pk], lease=lease, lifetime=timedelta(minutes=3)) == 1
    first.refresh_from_db()
    assert (first.unit_id, first.status, first.lease) == (PARENT, "sending", lease)
    assert first.lease_until is not None
    left = SubscriberRequest.objects.filter(pk=first.pk, lease_until__gt=Now() + timedelta(0))
    assert left.filter(lease_until__lte=Now() + timedelta(minutes=3)).exists()


def test_the_text_of_a_query_is_written_once(rows: list[SubscriberRequest]) -> None:
    built = []

    def build() -> "object":
        built.append(1)
        return SubscriberRequest.objects.filter(OneOf("pk", _IDS)).values_list("pk")

    query = PreparedSelect(build)  # type: ignore[arg-type]
    with CaptureQueriesContext(connection) as queries:
        for row in rows:
            assert query.column(ids=[row.pk]) == [row.pk]
    assert (len(built), len(queries)) == (1, 3)
