"""The weekly digest: an email to a unit's marketers with numbers, reasons, free texts and
failures."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now
from django.template.loader import render_to_string

from unsub.infra.inserts import find_or_insert
from unsub.models import (
    BusinessUnit,
    By,
    DailyCount,
    Reason,
    Status,
    SubscriberRequest,
    WeeklyDigest,
)
from unsub.models.daily_count import NONE
from unsub.models.statuses import ON_THEIR_WAY, in_states

from .latency import processing_time

WEEK = timedelta(days=7)
HOUR = 7  # on Monday, in the unit's time zone: it is there before the working day
AGAIN = timedelta(hours=1)  # after which a digest that was not sent is tried again
WORDS_MAX = 20


def due(now: datetime) -> Iterator[int]:
    """Yield the ids of the digests that are to be sent now.

    Each week's row is inserted once per unit. A digest that no mail server accepted is due again
    after an hour.
    """
    for unit in BusinessUnit.objects.filter(weekly_digest=True):
        local = now.astimezone(ZoneInfo(unit.time_zone))
        week = _last_monday(local)
        if local < datetime(week.year, week.month, week.day, HOUR, tzinfo=local.tzinfo):
            continue
        begins = week - WEEK
        summary, is_new = find_or_insert(
            WeeklyDigest.objects.filter(unit=unit, week=begins),
            WeeklyDigest(unit=unit, week=begins),
        )
        waits = WeeklyDigest.objects.filter(
            pk=summary.pk, sent_at=None, requested_at__lt=Now() - AGAIN
        )
        if is_new or waits.update(requested_at=Now()):
            yield summary.pk


def send(digest_id: int) -> bool:
    """Return whether an email was sent. False where it was sent before, or has no recipients.
    Raises OSError where the mail server does not accept it."""
    summary = WeeklyDigest.objects.select_related("unit").get(pk=digest_id)
    addresses = recipients(summary.unit)
    if summary.sent_at or not addresses:
        return False
    subject = f"{summary.unit.name}: unsubscribes, {_days(summary.week)}"
    # In bcc, so that recipients do not see each other's addresses.
    mail = EmailMessage(subject, compose(summary.unit, summary.week), bcc=addresses)
    mail.send()
    WeeklyDigest.objects.filter(pk=summary.pk).update(sent_at=Now())
    return True


def recipients(unit: BusinessUnit) -> list[str]:
    """Return the addresses of the unit's active members who may see its requests."""
    people = get_user_model().objects.filter(units=unit, is_active=True).exclude(email="")
    return sorted(
        {str(one.email) for one in people if one.has_perm("unsub.view_subscriberrequest")}
    )


def compose(unit: BusinessUnit, week: date) -> str:
    """Return the text for the week that begins on this Monday."""
    counts = DailyCount.objects.filter(mid=unit.mid)
    this = counts.filter(day__gte=week, day__lt=week + WEEK)
    before = counts.filter(day__gte=week - WEEK, day__lt=week)
    zone = ZoneInfo(unit.time_zone)
    received = SubscriberRequest.objects.unsubscribes().filter(
        unit_id=unit.mid,
        received_at__gte=datetime.combine(week, time(), zone),
        received_at__lt=datetime.combine(week + WEEK, time(), zone),
    )
    context: dict[str, Any] = {
        "unit": unit,
        "days": _days(week),
        "number": _sum(this),
        "before": _sum(before),
        "reasons": _reasons(this),
        "sends": _top(this, By.JOB),
        "words": _words(received),
        "refused": received.filter(status=Status.REFUSED).count(),
        "waiting": received.filter(in_states(*ON_THEIR_WAY)).count(),
        "processing_time": processing_time(unit.mid),
        "admin": f"{settings.ADMIN_URL}/admin/",
    }
    return render_to_string("unsub/weekly_digest.txt", context)


def _days(monday: date) -> str:
    """Return the days of a week, such as "30 November–6 December 2026"."""
    sunday = monday + WEEK - timedelta(days=1)
    begin = f"{monday.day}"
    if monday.month != sunday.month:
        begin += f" {monday:%B}"
    if monday.year != sunday.year:
        begin += f" {monday.year}"
    return f"{begin}–{sunday.day} {sunday:%B %Y}"


def _last_monday(now: datetime) -> date:
    return now.date() - timedelta(days=now.weekday())


def _sum(counts: QuerySet[DailyCount]) -> int:
    """Return the number of unsubscribes."""
    return counts.filter(by=By.CHANNEL).aggregate(sum=Sum("number"))["sum"] or 0


def _top(counts: QuerySet[DailyCount], by: By) -> list[tuple[str, int]]:
    """Return the five largest numbers of one property."""
    sums = counts.filter(by=by).order_by().values_list("key").annotate(sum=Sum("number"))
    if by is not By.REASON:
        sums = sums.exclude(key=NONE)
    return sorted(sums, key=lambda pair: (-pair[1], pair[0]))[:5]


def _reasons(counts: QuerySet[DailyCount]) -> list[tuple[str, int]]:
    """Return the five most frequent reasons."""
    top = _top(counts, By.REASON)
    given = [key for key, _ in top if key != NONE]
    labels = {str(one.pk): one.label for one in Reason.objects.filter(pk__in=given)}
    labels[NONE] = "No reason given"
    return [(labels.get(key, key), number) for key, number in top]


def _words(received: QuerySet[SubscriberRequest]) -> list[str]:
    """Return free texts of subscribers, newest first."""
    wrote = received.filter(Q(reason=None) | Q(reason__asks_text=True)).exclude(reason_text="")
    texts = wrote.order_by("-pk").values_list("reason_text", "reason__label")[: WORDS_MAX * 5]
    return [text for text, label in texts if text != label][:WORDS_MAX]
