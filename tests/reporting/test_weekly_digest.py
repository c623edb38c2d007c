"""The weekly digest: sent once, to the right users, with the right content."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from tests.helpers import request
from unsub.models import BusinessUnit, Reason, Status, WeeklyDigest
from unsub.reporting import daily_counts, weekly_digest

pytestmark = pytest.mark.django_db


@pytest.fixture
def eight() -> datetime:
    """Eight o'clock on this week's Monday."""
    now = datetime.now(UTC)
    monday = now - timedelta(days=now.weekday())
    return monday.replace(hour=8, minute=0, second=0, microsecond=0)


@pytest.fixture
def week(eight: datetime) -> date:
    """The Monday of the week that is over."""
    return eight.date() - timedelta(days=7)


def ago(day: date) -> float:
    """Return how many days ago noon of a day was."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return (datetime.now(UTC) - noon) / timedelta(days=1)


@pytest.fixture
def read(unit: BusinessUnit) -> BusinessUnit:
    """A unit with the digest switched on, and a reader."""
    unit.weekly_digest = True
    unit.save()
    reader = User.objects.create_user("reader", "reader@example.com", is_staff=True)
    reader.groups.add(Group.objects.get(name="viewer"))
    unit.members.add(reader)
    return unit


def test_the_digest_has_numbers_reasons_and_free_texts(read: BusinessUnit, week: date) -> None:
    other = Reason.objects.get(code="other")
    often = Reason.objects.get(label="I get too many emails")
    for _ in range(3):
        request(ago(week), reason=often, reason_text=often.label)
    request(ago(week), reason=other, reason_text=f"{other.label}: too loud")
    request(ago(week), status=Status.REFUSED)
    request(ago(week - timedelta(days=3)))
    daily_counts.refresh()
    text = weekly_digest.compose(read, week)
    for words in (
        "Unsubscribes: 5 (previous week: 1)", "  3  I get too many emails",
        "Need attention: 1", "  - Other reason: too loud", "  5  Send 88002",
    ):  # fmt: skip
        assert words in text
    assert "  - I get too many emails" not in text


def test_the_digest_is_sent_once_from_monday_seven_o_clock(
    read: BusinessUnit, week: date, eight: datetime
) -> None:
    assert list(weekly_digest.due(eight - timedelta(hours=2))) == []
    (pk,) = weekly_digest.due(eight)
    assert list(weekly_digest.due(eight)) == []
    assert weekly_digest.send(pk)
    assert not weekly_digest.send(pk)
    (sent,) = mail.outbox
    assert sent.bcc == ["reader@example.com"]
    assert sent.to == []
    assert f"–{week + timedelta(days=6):%-d %B %Y}" in sent.subject
    assert list(weekly_digest.due(eight + timedelta(days=3))) == []


def test_monday_seven_o_clock_is_that_of_the_unit(read: BusinessUnit, eight: datetime) -> None:
    BusinessUnit.objects.update(time_zone="America/Los_Angeles")
    WeeklyDigest.objects.create(unit=read, week=eight.date() - timedelta(days=14))
    assert list(weekly_digest.due(eight)) == []
    assert len(list(weekly_digest.due(eight + timedelta(hours=8)))) == 1


def test_a_digest_that_no_server_accepted_is_due_again(
    read: BusinessUnit, settings: Settings, eight: datetime
) -> None:
    (pk,) = weekly_digest.due(eight)

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(ConnectionRefusedError):
        weekly_digest.send(pk)
    WeeklyDigest.objects.update(requested_at=Now() - timedelta(hours=2))
    assert list(weekly_digest.due(eight)) == [pk]
    assert list(weekly_digest.due(eight)) == []


def test_users_who_may_not_see_requests_get_no_digest(
    read: BusinessUnit, child: BusinessUnit
) -> None:
    for name, units, active in (
        ("nobody", [read], True), ("elsewhere", [child], True), ("gone", [read], False),
    ):  # fmt: skip
        one = User.objects.create_user(name, f"{name}@example.com", is_active=active)
        if name != "nobody":
            one.groups.add(Group.objects.get(name="viewer"))
        one.units.set(units)
    assert weekly_digest.recipients(read) == ["reader@example.com"]


def test_units_with_the_digest_off_get_none(unit: BusinessUnit, eight: datetime) -> None:
    assert list(weekly_digest.due(eight)) == []
