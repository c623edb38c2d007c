"""How often a connection is asked whether it is alive."""

import time

import pytest
from django.core.signals import request_started
from django.db import connection, transaction

from profilecenter.postgresql.base import CHECKED_FOR
from unsub.models import BusinessUnit

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_transaction_that_outlasts_the_last_check_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    BusinessUnit.objects.exists()
    connection.close()
    BusinessUnit.objects.exists()  # connects anew
    request_started.send(sender=None, environ={})
    with transaction.atomic():
        BusinessUnit.objects.create(mid=510001, name="Example Outfitters")
        later = time.monotonic() + CHECKED_FOR + 0.1
        monkeypatch.setattr(time, "monotonic", lambda: later)
    assert BusinessUnit.objects.exists()
