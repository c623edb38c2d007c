"""Time to honour: from a person's wish to Marketing Cloud's word that it is done."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from unsub.models import Channel, Status, UnsubRequest
from unsub.models.request import ON_THEIR_WAY, in_states

WINDOW = timedelta(days=7)
NEWEST = 10_000  # rows at most: an index has them in order, so the cost is bounded
PROMISE = timedelta(hours=48)  # what the mailbox providers ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class Honour:
    """How long wishes took, in seconds; None where none was confirmed in the window."""

    number: int
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None
    within: float | None


def time_to_honour(mid: int) -> Honour:
    """Return the figure for a unit."""
    return honour_of(UnsubRequest.objects.unsubscribes().filter(unit_id=mid))


def honour_of(requests: QuerySet[UnsubRequest]) -> Honour:
    """Return the figure for the newest 10,000 confirmed of `requests` of the last seven days.
    `within` is the share that took at most 48 hours."""
    done = requests.filter(status=Status.DONE, finished_at__gt=Now() - WINDOW)
    # What happened elsewhere took us no time, and is no merit of ours.
    done = done.exclude(channel=Channel.IMPORT).order_by("-finished_at")
    # The difference is the database's work: two times for each row would take twice as long.
    took = ExpressionWrapper(F("finished_at") - F("received_at"), output_field=DurationField())
    times = sorted(one.total_seconds() for one in done.values_list(took, flat=True)[:NEWEST])
    if not times:
        return Honour(number=0, p50=None, p95=None, p99=None, longest=None, within=None)
    return Honour(
        number=len(times),
        p50=quantile(times, 0.50),
        p95=quantile(times, 0.95),
        p99=quantile(times, 0.99),
        longest=times[-1],
        within=sum(seconds <= PROMISE.total_seconds() for seconds in times) / len(times),
    )


def quantile(ordered: list[float], share: float) -> float:
    """Return the nearest-rank quantile: the least value that `share` of all do not exceed."""
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]


def late(mid: int) -> int:
    """Return how many wishes of a unit are older than 48 hours and have not ended."""
    return UnsubRequest.objects.filter(is_late(), unit_id=mid).count()


def is_late() -> Q:
    """Return what finds the wishes that are on their way for longer than 48 hours."""
    return in_states(*ON_THEIR_WAY) & Q(received_at__lt=Now() - PROMISE)
