"""Fill a database with two months of a brand's unsubscribes, for pictures of the admin.

Called by scripts/states.py. The same rows each time, but for their times, which end now.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from unsub.models import (
    Alarm,
    BusinessUnit,
    Cause,
    Channel,
    DeliveryAttempt,
    Erasure,
    LostLink,
    MailingList,
    Reason,
    Send,
    Status,
    SubscriberRequest,
)
from unsub.models.queue_state import QueueState
from unsub.reporting import daily_counts

DAYS, CHUNK = 60, 1000
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


def create() -> dict[str, str]:
    """Create everything; return paths of the admin's states, and "cookie": the session of a user
    who sees all of it."""
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
    for send, list_id, share in _sends(now):
        send.save()
        rows += _unsubscribes(send, list_id, share, reasons, chance, now)
    rows.sort(key=lambda row: row.received_at)
    SubscriberRequest.objects.bulk_create(rows, batch_size=CHUNK)
    refused = SubscriberRequest.objects.filter(status=Status.REFUSED, outcome="refused")
    DeliveryAttempt.objects.bulk_create(_attempt(row) for row in refused)
    waiting = SubscriberRequest.objects.filter(unit_id=KIDS, status=Status.PENDING).count()
    alarm = _alarms(refused.filter(unit_id=OUTFITTERS).count(), waiting, now)
    _people(now)
    daily_counts.refresh()
    newest = Send.objects.filter(unit_id=OUTFITTERS, email_name="Weekly offers").latest("sent_at")
    return _paths(newest, refused.latest("pk"), alarm) | {"cookie": _session()}


def _sends(now: datetime) -> Iterator[tuple[Send, int, float]]:
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
            sent_at=sent_at, number_sent=size - 137 * day, read_at=now,
            number_delivered=int((size - 137 * day) * 0.988),
        )  # fmt: skip
        yield send, list_id, share * wrong


def _unsubscribes(  # noqa: PLR0917
    send: Send, list_id: int, share: float, reasons: list[Reason], chance: random.Random,
    now: datetime,
) -> Iterator[SubscriberRequest]:  # fmt: skip
    """Yield the unsubscribes from a send, most of them on its first day."""
    for _ in range(int((send.number_sent or 0) * share)):
        day = min(int(chance.expovariate(0.9)), 9)
        moment = (send.sent_at or now).replace(hour=0, minute=0) + timedelta(
            days=day, hours=chance.choices(range(24), HOURS)[0], seconds=chance.random() * 3600
        )
        if (send.sent_at or now) < moment < now:
            yield _request(send, list_id, reasons, moment, chance)


def _request(
    send: Send, list_id: int, reasons: list[Reason], moment: datetime, chance: random.Random
) -> SubscriberRequest:
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
    if send.unit_id == KIDS and moment > timezone.now() - timedelta(hours=30):
        row.status, row.outcome, row.attempts, row.finished_at = Status.PENDING, "", 0, None
    elif chance.random() < 0.004:
        row.status, row.outcome = Status.REFUSED, "refused"
        row.error_code = chance.choice(REFUSALS)[0]
    return row


def _attempt(row: SubscriberRequest) -> DeliveryAttempt:
    """Return the attempt of a refused request."""
    return DeliveryAttempt(
        request=row, number=1, lease=uuid.UUID(int=row.pk),
        started_at=row.finished_at or row.received_at,
        finished_at=row.finished_at, outcome="refused", status_code="Error",
        error_code=row.error_code, detail=dict(REFUSALS)[row.error_code or 400],
        sfmc_request_id=row.sfmc_request_id, call_method="event",
    )  # fmt: skip


def _alarms(refused: int, waiting: int, now: datetime) -> Alarm:
    """Create open alarms and one that is over. Return the one about a held queue."""
    QueueState.objects.update_or_create(
        unit_id=KIDS,
        defaults={
            "held_since": now - timedelta(hours=30),
            "held_reason": "Login Failed",
            "paused_until": now + timedelta(minutes=2),
            "paused_reason": "held",
        },
    )
    rows: tuple[tuple[Cause, int, int, dict[str, Any]], ...] = (
        (Cause.CIRCUIT_OPEN, GARDEN, 12, {"cleared_at": now - timedelta(days=3)}),
        (Cause.REFUSED, OUTFITTERS, refused, {}),
        (Cause.SPIKE, OUTFITTERS, 437, {"detail": "usually up to 164"}),
        (Cause.HELD, KIDS, waiting, {"detail": "Login Failed"}),
    )
    for at, (cause, mid, number, further) in enumerate(rows):
        cleared_at = further.pop("cleared_at", None)
        began = (cleared_at or now) - timedelta(hours=1 + at)
        told = {"number": number, "raised_at": began, "notified_at": began + timedelta(seconds=40)}
        Alarm.objects.get_or_create(
            cause=cause, mid=mid, cleared_at=cleared_at, defaults=told | further
        )
    return Alarm.objects.get(cause=Cause.HELD)


def _people(now: datetime) -> None:
    """Create what people wait for, and colleagues."""
    LostLink.objects.create(
        unit_id=OUTFITTERS, email_address="ada@example.com", language="en",
        received_at=now - timedelta(hours=5),
    )  # fmt: skip
    Erasure.objects.create(unit_id=OUTFITTERS, subscriber_id=20_114_007, language="de")
    for name, group in (("grace", "marketer"), ("emil", "viewer"), ("mina", "operator")):
        user = User.objects.create_user(name, f"{name}@example.com", is_staff=True)
        user.groups.set(Group.objects.filter(name=group))


def _session() -> str:
    """Return the session of a new administrator."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(
        User.objects.create_superuser("ada", "ada.admin@example.com", first_name="Ada"),
        backend=settings.AUTHENTICATION_BACKENDS[0],
    )
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _paths(send: Send, refused: SubscriberRequest, alarm: Alarm) -> dict[str, str]:
    """Return the path of each state of the admin."""
    base = "/admin/unsub"
    return {
        "overview": "/admin/",
        "overview_unit": f"/admin/?days=7&unit={OUTFITTERS}",
        "requests": f"{base}/subscriberrequest/",
        "requests_chips": f"{base}/subscriberrequest/?status__exact=refused"
        f"&unit__mid__exact={OUTFITTERS}",
        "request": f"{base}/subscriberrequest/{refused.pk}/change/",
        "suspected_bots": f"{base}/subscriberrequest/scanners/",
        "sends": f"{base}/send/",
        "send": f"{base}/send/{send.pk}/change/",
        "alarms": f"{base}/alarm/",
        "alarm": f"{base}/alarm/{alarm.pk}/change/",
        "spool": f"{base}/alarm/spool/",
        "manual_requests": f"{base}/lostlink/",
        "deletion_requests": f"{base}/erasure/",
        "units": f"{base}/businessunit/",
        "unit": f"{base}/businessunit/{BusinessUnit.objects.get(mid=GARDEN).pk}/change/",
        "texts": f"{base}/businessunit/{GARDEN}/texts/",
        "languages": f"{base}/businessunit/{GARDEN}/languages/",
        "lists": f"{base}/businessunit/{OUTFITTERS}/lists/",
        "links": f"{base}/businessunit/links/",
        "reasons": f"{base}/reason/",
        "reason_add": f"{base}/reason/add/",
        "users": "/admin/auth/user/",
        "user_add": "/admin/auth/user/add/",
    }
