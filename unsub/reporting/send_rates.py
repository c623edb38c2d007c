"""How many of those who got a send unsubscribed from it, and how that compares with the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Q, Sum
from django.utils import timezone

from unsub.models import By, DailyCount, Send
from unsub.models.daily_count import NONE

# The sends that a rate is compared with: at least so many, of the last 90 days, each to at least so
# many people. One unsubscribe of ten test addresses is no rate.
COMPARED, AT_LEAST, BIG_ENOUGH = timedelta(days=90), 5, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFacts:
    """What is known of a job: its email, when and to how many it was sent, and all its
    unsubscribes. `rate` is unsubscribes by number sent, None where that is not known."""

    mid: int
    job_id: int
    email_name: str
    subject: str
    sent_at: datetime | None
    number_sent: int | None
    unsubscribes: int

    @property
    def rate(self) -> float | None:
        """The share of those who got it; None where the number sent is not known."""
        return self.unsubscribes / self.number_sent if self.number_sent else None


# By MID and JobID: a link names both, and two units' links could name the same job.
Sends = dict[tuple[int, int], SendFacts]


def of_jobs(mids: Sequence[int] | None, job_ids: Iterable[int]) -> Sends:
    """Return what is known of these jobs. Jobs that were not read yet are left out."""
    return _read(mids, Q(job_id__in=list(job_ids)))


def of_jobs_and_recent(mids: Sequence[int] | None, job_ids: Iterable[int]) -> Sends:
    """Return what is known of these jobs, and of the sends of the last 90 days."""
    return _read(mids, Q(job_id__in=list(job_ids)) | _is_recent())


def recent(mids: Sequence[int] | None) -> Sends:
    """Return the sends of the last 90 days that anybody unsubscribed from."""
    return _read(mids, _is_recent())


def _is_recent() -> Q:
    return Q(sent_at__gt=timezone.now() - COMPARED)


def _read(mids: Sequence[int] | None, condition: Q) -> Sends:
    """Return the sends that meet a condition. Two queries."""
    sends = Send.objects.filter(condition).exclude(email_name="")
    if mids is not None:
        sends = sends.filter(unit_id__in=mids)
    found = list(sends)
    counts = DailyCount.objects.filter(by=By.JOB, key__in=[str(send.job_id) for send in found])
    if mids is not None:
        counts = counts.filter(mid__in=mids)
    sums = counts.order_by().values_list("mid", "key").annotate(sum=Sum("number"))
    numbers = {(mid, int(key)): number for mid, key, number in sums}
    keys = [(send.unit_id, send.job_id) for send in found]
    return {key: _facts(send, numbers.get(key, 0)) for key, send in zip(keys, found, strict=True)}


def _facts(send: Send, unsubscribes: int) -> SendFacts:
    return SendFacts(
        mid=send.unit_id,
        job_id=send.job_id,
        email_name=send.email_name,
        subject=send.subject,
        sent_at=send.sent_at,
        number_sent=send.number_sent,
        unsubscribes=unsubscribes,
    )


def usual_rate(sends: Iterable[SendFacts]) -> float | None:
    """Return the median rate of the sends of the last 90 days among these; None where there are
    fewer than AT_LEAST that went to BIG_ENOUGH people or more."""
    first = timezone.now() - COMPARED
    rates = [
        one.rate
        for one in sends
        if one.rate is not None
        and (one.number_sent or 0) >= BIG_ENOUGH
        and one.sent_at is not None
        and one.sent_at > first
    ]
    return median(rates) if len(rates) >= AT_LEAST else None


def rate_of(sends: Iterable[SendFacts]) -> float | None:
    """Return the rate of these sends together; None where no size is known. Sends of unknown size
    are left out."""
    known = [one for one in sends if one.number_sent]
    sent = sum(one.number_sent or 0 for one in known)
    return sum(one.unsubscribes for one in known) / sent if sent else None


def job_ids(keys: Iterable[str]) -> list[int]:
    """Return the JobIDs among the keys of daily counts."""
    return [int(key) for key in keys if key != NONE]
