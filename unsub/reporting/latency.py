"""Processing time: from the receipt of a request to Marketing Cloud's confirmation."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from unsub.models import Channel, Status, SubscriberRequest
from unsub.models.statuses import ON_THEIR_WAY, in_states

WINDOW = timedelta(days=7)
NEWEST = 10_000  # rows at most: an index has them in order, so the cost is bounded
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
    """Return the processing times of a unit's unsubscribes."""
    return processing_time_of(SubscriberRequest.objects.unsubscribes().filter(unit_id=mid))


def processing_time_of(requests: QuerySet[SubscriberRequest]) -> ProcessingTime:
    """Return the processing times of those of `requests` that were confirmed in the last seven
    days, at most the newest 10,000."""
    done = requests.filter(status=Status.DONE, finished_at__gt=Now() - WINDOW)
    # Imported events were processed elsewhere: they have no processing time.
    done = done.exclude(channel=Channel.IMPORT).order_by("-finished_at")
    # The database computes the difference: fetching two times per row would take twice as long.
    took = ExpressionWrapper(F("finished_at") - F("received_at"), output_field=DurationField())
    times = sorted(one.total_seconds() for one in done.values_list(took, flat=True)[:NEWEST])
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
    return in_states(*ON_THEIR_WAY) & Q(received_at__lt=Now() - DEADLINE)
