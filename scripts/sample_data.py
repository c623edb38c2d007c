"""Two months of invented unsubscribes of three business units: for pictures of the admin, and for
the first look at it in `make run`.

The same rows each time, but for their times, which end now.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from unsub.domain.context import JobContext, SubscriberContext, UnsubContext
from unsub.models import (
    BusinessUnit,
    Channel,
    DeliveryAttempt,
    MailingList,
    Reason,
    Send,
    Status,
    SubscriberRequest,
)
from unsub.models.queue_state import QueueState
from unsub.outbox.api import Submission, submit
from unsub.reporting import daily_counts

DAYS, CHUNK = 60, 1000
LATE, ATTEMPTS = 3, 4  # requests that are late, and how often each was sent
LATELY = 60  # of so many of the newest requests every twentieth was refused
OUTFITTERS, KIDS, GARDEN = 510001, 510002, 510003
LISTS = {
    7001: (OUTFITTERS, "Weekly offers"), 7002: (OUTFITTERS, "Product news"),
    7003: (OUTFITTERS, "Members"), 7101: (KIDS, "Kids club"), 7301: (GARDEN, "Garden letter"),
}  # fmt: skip
# list, email, subject, days between two sends, number sent, share of those who unsubscribe
EMAILS = (
    (7001, "Weekly offers", "Coats and boots, and what else is new", 7, 182_000, 0.0011),
    (7002, "Product news", "What we made this season", 14, 96_000, 0.0011),
    (7003, "Members’ evening", "Your invitation", 21, 41_000, 0.0006),
    (7001, "Back in stock", "It’s back in your size", 10, 60_000, 0.0009),
    (7101, "Kids club", "A rainy afternoon, saved", 9, 52_000, 0.0012),
    (7301, "Garden letter", "What to sow this month", 12, 38_000, 0.0008),
)
# Weights of the reasons by position, of those who give one at all.
REASON_WEIGHTS = (30, 26, 17, 7, 4, 6)
REFUSALS = (
    (400, "Subscriber was not part of this job"),
    (12001, "Subscriber not found"),
)
HOURS = (2, 1, 1, 1, 1, 2, 5, 12, 18, 20, 16, 13, 12, 11, 10, 9, 10, 12, 14, 15, 12, 9, 6, 3)


def fill(*, held: int, read_at: datetime | None = None, last_hour: int = 0) -> None:
    """Create units, lists, sends and requests, and count them. The newest requests of the unit
    `held` wait; `last_hour` more unsubscribes arrived within the last hour. `read_at`: when the
    sends were read from Marketing Cloud, which does not know them."""
    chance = random.Random(7)  # noqa: S311 - no secrets
    now = timezone.now()
    for mid, name in ((KIDS, "Example Kids"), (GARDEN, "Example Garden")):
        BusinessUnit.objects.get_or_create(mid=mid, defaults={"name": name})
    for list_id, (mid, name) in LISTS.items():
        MailingList.objects.get_or_create(
            unit_id=mid,
            list_id=list_id,
            defaults={"name": name, "found_name": name, "is_public": True},
        )
    reasons = list(Reason.objects.filter(active=True, unit=None).order_by("position"))
    rows: list[SubscriberRequest] = []
    sends = list(_sends(now, read_at or now))
    Send.objects.bulk_create(send for send, _, _ in sends)
    for send, list_id, share in sends:
        rows += _unsubscribes(send, list_id, share, reasons, chance, now, held)
    for send, list_id, _ in sends[-3:]:
        for _ in range(last_hour // 3):
            moment = now - timedelta(seconds=chance.random() * 3600)
            rows.append(_request(send, list_id, reasons, moment, chance, held))
    rows.sort(key=lambda row: row.received_at)
    _refuse_lately(rows)
    SubscriberRequest.objects.bulk_create(
        (row for row in rows if row.status != Status.PENDING), batch_size=CHUNK
    )
    for row in rows:
        if row.status == Status.PENDING:
            _submit(row)
    refused = SubscriberRequest.objects.filter(status=Status.REFUSED, outcome="refused")
    DeliveryAttempt.objects.bulk_create(_attempt(row) for row in refused)
    daily_counts.refresh()


def add_trouble(mid: int, *, held: int) -> None:
    """Hold the queue of `held`, without a probe that would end it, and let a few requests of
    another unit wait for their next attempt since hours."""
    now = timezone.now()
    QueueState.objects.create(
        unit_id=held, held_since=now - timedelta(hours=30), held_reason="Login Failed",
        paused_until=now + timedelta(days=3650), paused_reason="held",
    )  # fmt: skip
    send = Send.objects.filter(unit_id=mid).latest("sent_at")
    for number in range(LATE):
        received = now - timedelta(hours=3, minutes=17 * number)
        row = _submit(
            SubscriberRequest(
                unit_id=mid,
                subscriber_id=90_000_001 + number,
                job_id=send.job_id,
                list_id=7001,
                channel=Channel.PAGE,
                received_at=received,
            )
        )
        for attempt in range(1, ATTEMPTS + 1):
            at = received + timedelta(minutes=25 * attempt)
            DeliveryAttempt.objects.create(
                request=row, number=attempt, lease=uuid.uuid4(), started_at=at,
                finished_at=at + timedelta(seconds=30), outcome="try_later", call_method="event",
                detail="no reply within 30 s",
            )  # fmt: skip
        SubscriberRequest.objects.filter(pk=row.pk).update(
            attempts=ATTEMPTS, outcome="try_later", next_attempt_at=now + timedelta(minutes=40)
        )


def _submit(row: SubscriberRequest) -> SubscriberRequest:
    """Store a request that waits as a page does: a worker may yet send it. Return its row."""
    context = UnsubContext(
        mid=row.unit_id,
        subscriber=SubscriberContext(subscriber_id=row.subscriber_id),
        job=JobContext(job_id=row.job_id, list_id=row.list_id, batch_id=0),
        scope_is_explicit=True,
    )
    submission = Submission(
        token="", context=context, channel=Channel(row.channel), received_at=row.received_at,
        reason=row.reason.code if row.reason else "",
    )  # fmt: skip
    stored = submit(submission)
    if stored is None:
        raise RuntimeError("the database does not answer")
    return stored


def _sends(now: datetime, read_at: datetime) -> Iterator[tuple[Send, int, float]]:
    """Yield (send, list, share of unsubscribes) of two months, oldest first."""
    planned = sorted(
        (day + number % 3, email)
        for number, email in enumerate(EMAILS)
        for day in range(1, DAYS, email[3])
    )
    for number, (day, email) in enumerate(reversed(planned)):
        list_id, name, subject, _, size, share = email
        sent_at = (now - timedelta(days=day)).replace(hour=6, minute=30)
        # The newest weekly offers went to the wrong people.
        wrong = 2.6 if name == "Weekly offers" and day <= 1 else 1
        send = Send(
            unit_id=LISTS[list_id][0], job_id=88200 + number, email_name=name, subject=subject,
            sent_at=sent_at, number_sent=size - 137 * day, read_at=read_at,
            number_delivered=int((size - 137 * day) * 0.988),
        )  # fmt: skip
        yield send, list_id, share * wrong


def _unsubscribes(  # noqa: PLR0917
    send: Send, list_id: int, share: float, reasons: list[Reason], chance: random.Random,
    now: datetime, held: int,
) -> Iterator[SubscriberRequest]:  # fmt: skip
    """Yield the unsubscribes from a send, most of them on its first day."""
    for _ in range(int((send.number_sent or 0) * share)):
        day = min(int(chance.expovariate(0.9)), 9)
        moment = (send.sent_at or now).replace(hour=0, minute=0) + timedelta(
            days=day, hours=chance.choices(range(24), HOURS)[0], seconds=chance.random() * 3600
        )
        if (send.sent_at or now) < moment < now:
            yield _request(send, list_id, reasons, moment, chance, held)


def _request(  # noqa: PLR0917
    send: Send, list_id: int, reasons: list[Reason], moment: datetime, chance: random.Random,
    held: int,
) -> SubscriberRequest:  # fmt: skip
    """Return one unsubscribe."""
    channel = chance.choices((Channel.PAGE, Channel.ONE_CLICK, Channel.PROFILE), (62, 30, 8))[0]
    reason = None
    if channel == Channel.PAGE and chance.random() < 0.55:
        reason = chance.choices(reasons[: len(REASON_WEIGHTS)], REASON_WEIGHTS[: len(reasons)])[0]
    row = SubscriberRequest(
        unit_id=send.unit_id, subscriber_id=chance.randrange(10_000_000, 90_000_000),
        address_mask=f"{chance.choice('abcdefghijklmnoprstuvw')}•••@example.com",
        job_id=send.job_id, list_id=list_id, target_type="list", target_id=list_id, scope="list",
        channel=channel, reason=reason, reason_text=reason.label if reason else "", language="en",
        received_at=moment, give_up_at=moment + timedelta(days=10), status=Status.DONE, attempts=1,
        outcome="posted", sfmc_request_id=str(uuid.UUID(int=chance.getrandbits(128))),
        finished_at=moment + timedelta(seconds=chance.expovariate(0.05) + 1),
        scanner="Barracuda" if channel == Channel.PAGE and chance.random() < 0.01 else "",
    )  # fmt: skip
    if send.unit_id == held and moment > timezone.now() - timedelta(hours=30):
        row.status, row.outcome, row.attempts, row.finished_at = Status.PENDING, "", 0, None
    elif chance.random() < 0.004:
        row.status, row.outcome = Status.REFUSED, "refused"
        row.error_code = chance.choice(REFUSALS)[0]
    return row


def _refuse_lately(rows: list[SubscriberRequest]) -> None:
    """Let some of the newest requests be refused. By chance alone there were none within 24 hours
    late in the evening, and so no alert about them."""
    sent = [row for row in rows if row.status == Status.DONE]
    for row in sent[-LATELY :: LATELY // 3]:
        row.status, row.outcome, row.error_code = Status.REFUSED, "refused", REFUSALS[0][0]


def _attempt(row: SubscriberRequest) -> DeliveryAttempt:
    """Return the attempt of a refused request."""
    return DeliveryAttempt(
        request=row, number=1, lease=uuid.UUID(int=row.pk),
        started_at=row.finished_at or row.received_at,
        finished_at=row.finished_at, outcome="refused", status_code="Error",
        error_code=row.error_code, detail=dict(REFUSALS)[row.error_code or 400],
        sfmc_request_id=row.sfmc_request_id, call_method="event",
    )  # fmt: skip
