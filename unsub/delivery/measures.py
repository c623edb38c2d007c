"""What the metrics say of a message that was settled."""

import time
from collections.abc import Sequence
from typing import Any

from unsub.domain.outcomes import Step, Verdict
from unsub.infra import metrics
from unsub.models import SubscriberRequest

from .batch import Batch


def count(batch: Batch[Any], verdicts: Sequence[Verdict], *, lost: Sequence[Any]) -> None:
    """Count a settled message, its attempts, and the time from receipt to confirmation of the
    requests that are done now. `lost` are rows whose lease had ended: their attempts were ended by
    another worker."""
    message_type = batch.message_type.value
    metrics.BATCH_ROWS.labels(message_type).observe(len(batch.rows))
    for row, verdict in zip(batch.rows, verdicts, strict=True):
        if row in lost:
            continue
        metrics.ATTEMPTS.labels(message_type, verdict.outcome.value).inc()
        if isinstance(row, SubscriberRequest) and verdict.step(row.attempts) is Step.FINISH:
            # The clocks of two machines may differ.
            seconds = max(time.time() - row.received_at.timestamp(), 0.0)
            metrics.WAY_TIME.labels(row.kind).observe(seconds)
