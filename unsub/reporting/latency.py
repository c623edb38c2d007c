"""Processing time: from the receipt of a request to Marketing Cloud's confirmation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from unsub.domain.retry import HORIZON
from unsub.models import Channel, Status, SubscriberRequest
from unsub.models.request import waits_longer_than
from unsub.models.statuses import ON_THEIR_WAY, in_states

WINDOW = timedelta(days=7)
# Rows at most: ten of them are above p99. Those of one unit are each on a page of its own.
NEWEST = 1_000
DEADLINE = timedelta(hours=48)  # what mailbox providers require


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingTime:
    """Processing times in seconds; None where nothing was confirmed in the window. `within` is the
    share that took at most 48 hours."""

    number: int
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None
    within: float | None


def processing_time(mid: int) -> ProcessingTime:
    """Return the processing times of a unit's unsubscribes that were confirmed in the last seven
    days, at most the newest 1,000."""
    return processing_time_of([mid])


def processing_time_of(mids: Sequence[int] | None) -> ProcessingTime:
    """Return the processing times of the unsubscribes of these units, of all units for None, that
    were confirmed in the last seven days, at most the newest 1,000. Of all units these are the ones
    that were received last: no index has the ends of all units in order."""
    if mids is None:
        recent = _confirmed().filter(received_at__gt=Now() - WINDOW - HORIZON)
        newest = _newest(recent.order_by("-received_at"))
    else:
        # By the index of ended requests, which has those of each unit in order.
        each = (_confirmed().filter(unit_id=mid).order_by("-finished_at") for mid in mids)
        newest = [one for done in each for one in _newest(done)]
        newest = sorted(newest, reverse=True)[:NEWEST]
    return _summary([took.total_seconds() for _, took in newest])


def _confirmed() -> QuerySet[SubscriberRequest]:
    """Return the unsubscribes that were confirmed in the last seven days. Imported events were
    processed elsewhere: they have no processing time."""
    rows = SubscriberRequest.objects.unsubscribes().exclude(channel=Channel.IMPORT)
    return rows.filter(status=Status.DONE, finished_at__gt=Now() - WINDOW)


def _newest(done: QuerySet[SubscriberRequest]) -> list[tuple[datetime, timedelta]]:
    """Return the ends and the processing times of the first NEWEST rows."""
    # The database computes the difference: fetching both times would take longer.
    took = ExpressionWrapper(F("finished_at") - F("received_at"), output_field=DurationField())
    rows: Any = done.values_list("finished_at", took)[:NEWEST]
    return list(rows)


def _summary(unordered: Sequence[float]) -> ProcessingTime:
    times = sorted(unordered)
    if not times:
        return ProcessingTime(number=0, p50=None, p95=None, p99=None, longest=None, within=None)
    return ProcessingTime(
        number=len(times),
        p50=quantile(times, 0.50),
        p95=quantile(times, 0.95),
        p99=quantile(times, 0.99),
        longest=times[-1],
        within=sum(seconds <= DEADLINE.total_seconds() for seconds in times) / len(times),
    )


def quantile(ordered: list[float], share: float) -> float:
    """Return the nearest-rank quantile: the smallest value that is not exceeded by `share` of
    all."""
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]


def late(mid: int) -> int:
    """Return the number of a unit's overdue requests."""
    return SubscriberRequest.objects.filter(is_late(), unit_id=mid).count()


def is_late() -> Q:
    """Return a Q for requests that are on their way for more than 48 hours."""
    return in_states(*ON_THEIR_WAY) & waits_longer_than(DEADLINE)
