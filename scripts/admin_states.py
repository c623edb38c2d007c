"""Fill a database with the sample data, alarms and colleagues, for pictures of the admin.

Called by scripts/states.py.
"""

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
    Erasure,
    LostLink,
    Send,
    Status,
    SubscriberRequest,
)
from unsub.models.queue_state import QueueState

from . import sample_data
from .sample_data import GARDEN, KIDS, OUTFITTERS


def create() -> dict[str, str]:
    """Create everything; return paths of the admin's states, and "cookie": the session of a user
    who sees all of it."""
    now = timezone.now()
    sample_data.fill(held=KIDS)
    refused = SubscriberRequest.objects.filter(status=Status.REFUSED, outcome="refused")
    waiting = SubscriberRequest.objects.filter(unit_id=KIDS, status=Status.PENDING).count()
    alarm = _alarms(refused.filter(unit_id=OUTFITTERS).count(), waiting, now)
    _people(now)
    newest = Send.objects.filter(unit_id=OUTFITTERS, email_name="Weekly offers").latest("sent_at")
    return _paths(newest, refused.latest("pk"), alarm) | {"cookie": _session()}


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
