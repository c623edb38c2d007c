"""PostgreSQL refuses to truncate the tables of evidence. SQLite has no TRUNCATE."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from unsub.models import (
    AuditSeal,
    DeliveryAttempt,
    LinkEmail,
    ResolutionNote,
    SubscriberRequest,
)

EVIDENCE = (AuditSeal, DeliveryAttempt, LinkEmail, ResolutionNote, SubscriberRequest)


@pytest.mark.django_db
@pytest.mark.parametrize("model", EVIDENCE)
def test_none_of_the_tables_can_be_truncated(model: type[Model]) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE {model._meta.db_table} CASCADE")
