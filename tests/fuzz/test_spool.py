"""Whatever is in the spool, it is drained: no entry stops the ones behind it."""

from typing import Any
from unittest import mock

import pytest
import redis
from django.conf import settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Fuzz
from tests.fuzz.strategies import apply, nearly
from tests.helpers import MakeSubmission
from tests.links.strategies import json_values
from unsub.models import BusinessUnit
from unsub.outbox import spool
from unsub.outbox.submission import Submission

# The spool is drained outside a transaction: what an entry raises while it is written ends its own
# transaction, and would end the test's with it.
pytestmark = pytest.mark.django_db(transaction=True)

LAST = 1009  # the subscriber whose request is behind everything else


def test_spool_entries(fuzz: Fuzz, unit: BusinessUnit, make_submission: MakeSubmission) -> None:
    client: Any = redis.Redis.from_url(settings.REDIS_URL)
    good = make_submission(1001)
    message = good.to_message()

    def check(data: tuple[dict[str, Any], list[Any], bytes | None]) -> None:
        changes, edits, raw = data
        client.flushdb()
        with mock.patch.object(Submission, "to_message", return_value=message | changes):
            spool.push(good)
        _damage(client, edits, raw)
        spool.push(make_submission(LAST))
        drained = list(spool.drain())
        assert LAST in {row.subscriber_id for row in drained}
        assert spool.is_empty()

    fields = st.sampled_from([*message, "change", "kind", "pause_days", "received_at", "x"])
    changed = st.dictionaries(fields, json_values, max_size=3)
    edits = st.lists(
        st.tuples(st.just("put"), st.integers(0, 400), st.integers(0, 60), st.binary(max_size=6)),
        max_size=2,
    )
    fuzz(
        check,
        st.tuples(changed, edits, st.none() | nearly([b"1 x", b"1764000000000000 {}", b"{}"])),
    )


def _damage(client: Any, edits: list[Any], raw: bytes | None) -> None:
    """Change what is stored of the spool's entries, in any form, or replace it by other bytes."""
    for key in client.scan_iter("profilecenter:spool*"):
        if client.type(key) == b"list":
            for number, entry in enumerate(client.lrange(key, 0, -1)):
                client.lset(key, number, apply(entry, edits) if raw is None else raw)
        elif client.type(key) == b"hash" and not key.endswith(b":clock"):
            for field, entry in client.hgetall(key).items():
                client.hset(key, field, apply(entry, edits) if raw is None else raw)
