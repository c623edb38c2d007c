"""Report of unsubscribes that were probably submitted by email scanners.

For information only: every submission of the page's form is carried out (field notes 2).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now, TruncSecond

from unsub.models import Channel, SubscriberRequest

SOON = 120  # seconds after the link was issued: email scanners open links on delivery
CROWD = 5  # requests of one job in the same second
WINDOW = timedelta(days=30)
JOBS_MAX = 100
SCANNER_LIKE = ~Q(scanner="") | Q(link_age__lte=SOON)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSigns:
    """Scanner-like signs in the requests of one job. A request may be in `known`, `soon` and
    `crowded` at once."""

    mid: int
    job_id: int
    requests: int
    known: int
    soon: int
    crowded: int

    @property
    def most(self) -> int:
        """The number of requests with the most frequent sign."""
        return max(self.known, self.soon, self.crowded)

    @property
    def share(self) -> float:
        """The share of the job's requests with that sign, 0 to 1."""
        return self.most / self.requests


def signs(requests: QuerySet[SubscriberRequest]) -> list[JobSigns]:
    """Return the jobs with scanner-like requests in the last 30 days, those with most first.

    Only requests from the page count: one-click requests are sent by machines by design.
    """
    recent = requests.filter(
        channel=Channel.PAGE, received_at__gt=Now() - WINDOW, job_id__isnull=False
    ).order_by()
    crowds = _crowds(recent)
    jobs: QuerySet[Any, Any] = recent.values("unit_id", "job_id").annotate(
        requests=Count("pk"),
        known=Count("pk", filter=~Q(scanner="")),
        soon=Count("pk", filter=Q(link_age__lte=SOON)),
    )
    suspects = Q(known__gt=0) | Q(soon__gt=0) | Q(job_id__in={job for _, job in crowds})
    found = [_signs(row, crowds) for row in jobs.filter(suspects)]
    found.sort(key=lambda one: (one.most, one.job_id), reverse=True)
    return [one for one in found if one.most][:JOBS_MAX]


def _signs(row: dict[str, Any], crowds: Mapping[tuple[int, int], int]) -> JobSigns:
    """Return a job's signs from a row of the aggregate."""
    mid, job = row.pop("unit_id"), row.pop("job_id")
    return JobSigns(mid=mid, job_id=job, crowded=crowds.get((mid, job), 0), **row)


def _crowds(recent: QuerySet[SubscriberRequest]) -> dict[tuple[int, int], int]:
    """Return by unit and job how many requests arrived with CROWD or more in the same second."""
    seconds = recent.values("unit_id", "job_id", second=TruncSecond("received_at"))
    crowds: Counter[tuple[int, int]] = Counter()
    for row in seconds.annotate(number=Count("pk")).filter(number__gte=CROWD):
        crowds[row["unit_id"], row["job_id"] or 0] += row["number"]
    return dict(crowds)
