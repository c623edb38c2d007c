"""What follows when a worker finds, after its call, that it had lost its lease."""

from collections.abc import Sequence

import structlog

from unsub.domain.outcomes import Verdict
from unsub.models import SubscriberRequest
from unsub.outbox import api as outbox

from . import settlement
from .batch import Batch, Row

log = structlog.get_logger(__name__)


def record(batch: Batch[Row], lost: Sequence[tuple[Row, Verdict]]) -> None:
    """Write the late replies onto the attempts, which the sweep has completed as unknown, and
    re-assert the newest requests of these subscribers. The alarm is raised from the attempts. In
    the caller's transaction; locks the attempts and those requests."""
    settlement.write_late(batch, lost)
    outbox.reassert([row for row, _ in lost if isinstance(row, SubscriberRequest)])
    log.error(
        "lease_lost_after_call", mid=batch.mid, requests=len(lost), message=batch.message_type.value
    )
