"""PostgreSQL refuses to truncate the tables of evidence. SQLite has no TRUNCATE."""

import pytest
from django.db import DatabaseError, connection, transaction

from unsub.models import DeliveryAttempt, ResolutionNote


@pytest.mark.django_db
@pytest.mark.parametrize("model", [DeliveryAttempt, ResolutionNote])
def test_neither_table_can_be_truncated(model: type[DeliveryAttempt | ResolutionNote]) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE {model._meta.db_table} CASCADE")
