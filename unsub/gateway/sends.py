"""Names and numbers of the sends that people unsubscribed from, read from Marketing Cloud.

The overview names a job by its email and divides its unsubscribes by the number sent. No page waits
for Marketing Cloud: a task reads what is missing, and again what still changes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from django.core.cache import cache
from django.db.models import F, Q
from django.utils import timezone

from unsub.models import BusinessUnit, By, DailyCount, Send
from unsub.models.daily_count import NONE
from unsub.sfmc import SentEmail, SfmcError

from . import calls as gateway
from . import concurrency

log = structlog.get_logger(__name__)

LOOK_BACK = timedelta(days=90)
AT_ONCE = 100  # jobs in one Retrieve
RETRY_AFTER = 1800  # seconds without a further try, where a read failed
# How long a row is good for: the numbers of a new send still change, those of an old one do not.
NEW, NEW_FRESH = timedelta(days=3), timedelta(hours=1)
SETTLED, FRESH = timedelta(days=30), timedelta(days=1)


def due_units() -> list[int]:
    """Return the MIDs of the units with jobs to read."""
    mids = BusinessUnit.objects.order_by("mid").values_list("mid", flat=True)
    return [mid for mid in mids if not cache.get(_waits(mid)) and due_jobs(mid, limit=1)]


def due_jobs(mid: int, *, limit: int = AT_ONCE) -> list[int]:
    """Return the JobIDs of a unit that are to be read, newest first: of the unsubscribes within
    LOOK_BACK."""
    now = timezone.now()
    counted = DailyCount.objects.filter(
        mid=mid, by=By.JOB, day__gte=(now - LOOK_BACK).astimezone(UTC).date()
    ).exclude(key=NONE)
    jobs = {int(key) for key in counted.order_by().values_list("key", flat=True).distinct()}
    return sorted(jobs - _fresh(mid, now), reverse=True)[:limit]


def _fresh(mid: int, now: datetime) -> set[int]:
    """Return the JobIDs that need not be read again."""
    is_new = Q(sent_at__gt=now - NEW)
    is_settled = Q(sent_at__lt=now - SETTLED) & Q(read_at__gt=F("sent_at") + SETTLED)
    good = (
        (is_new & Q(read_at__gt=now - NEW_FRESH)) | (~is_new & Q(read_at__gt=now - FRESH))
        | (Q(sent_at=None) & Q(read_at__gt=now - FRESH)) | is_settled
    )  # fmt: skip
    return set(Send.objects.filter(good, unit_id=mid).values_list("job_id", flat=True))


def refresh(mid: int) -> None:
    """Read the jobs of a unit that are due, AT_ONCE at most, and store what Marketing Cloud says.
    Where it cannot be read, the next try follows after RETRY_AFTER; nothing happens where all call
    slots are in use."""
    jobs = due_jobs(mid)
    if not jobs:
        return
    with concurrency.call_slot() as free:
        if not free:
            return
        try:
            found = gateway.sent_emails(mid, jobs)
        except SfmcError as err:
            log.warning("sends_unread", mid=mid, error=type(err).__name__)
            cache.set(_waits(mid), 1, timeout=RETRY_AFTER)
            return
    _store(mid, jobs, found)


def _store(mid: int, jobs: Sequence[int], found: Sequence[SentEmail]) -> None:
    by_job = {one.job_id: one for one in found}
    now = timezone.now()
    rows = [_row(mid, job, by_job.get(job), now) for job in jobs]
    Send.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["unit", "job_id"],
        update_fields=[
            "email_name", "subject", "sent_at", "number_sent", "number_delivered", "read_at",
        ],
    )  # fmt: skip


def _row(mid: int, job: int, sent: SentEmail | None, now: datetime) -> Send:
    if sent is None:
        return Send(unit_id=mid, job_id=job, read_at=now)
    return Send(
        unit_id=mid,
        job_id=job,
        email_name=sent.email_name[:200],
        subject=sent.subject[:200],
        sent_at=sent.sent_at,
        number_sent=_positive(sent.number_sent),
        number_delivered=_positive(sent.number_delivered),
        read_at=now,
    )


def _positive(number: int | None) -> int | None:
    return None if number is None or number < 0 else number


def _waits(mid: int) -> str:
    return f"sends-unread:{mid}"
