"""Daily counts and the overview that is based on them, compared with counts of the rows."""

import random
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from tests.helpers import (
    CHILD,
    PARENT,
    MakeSubmission,
    person,
    request,
    rewrite,
    seen,
    settle,
)
from unsub import tasks
from unsub.admin import dashboard
from unsub.models import (
    Alarm,
    BusinessUnit,
    By,
    Cause,
    Channel,
    CountCursor,
    CountedZone,
    DailyCount,
    Erasure,
    Kind,
    LostLink,
    MailingList,
    Reason,
    Send,
    Status,
    SubscriberRequest,
)
from unsub.models.daily_count import NONE
from unsub.outbox import api as outbox
from unsub.reporting import daily_counts, overview, zone_recounts
from unsub.units import queue_state

pytestmark = pytest.mark.django_db


def leased(status: Status) -> dict[str, Any]:
    """Return the lease that a status requires."""
    if status is not Status.SENDING:
        return {}
    return {"lease": uuid4(), "lease_until": datetime.now(UTC)}


def tallied(mid: int, by: By, key: str | None = None) -> int:
    """Return the sum of a unit's daily counts."""
    rows = DailyCount.objects.filter(mid=mid, by=by)
    return sum(row.number for row in (rows.filter(key=key) if key else rows))


def state() -> tuple[str, Any]:
    """Return the only status that is counted, and its day."""
    row = DailyCount.objects.get(by=By.STATE)
    return row.key, row.day


def test_the_daily_counts_add_up_to_the_requests(unit: BusinessUnit, child: BusinessUnit) -> None:
    dice = random.Random(7)  # noqa: S311 - reproducible
    reasons = list(Reason.objects.all())
    for _ in range(300):
        request(
            dice.uniform(0, 40),
            unit_id=dice.choice([PARENT, CHILD, 599_999]),
            job_id=dice.choice([None, 88001, 88002]),
            status=dice.choice([Status.DONE, Status.REFUSED, Status.WITHDRAWN, Status.PENDING]),
            reason=dice.choice([*reasons, None]),
        )
    daily_counts.refresh()
    unsubscribed = SubscriberRequest.objects.exclude(status=Status.WITHDRAWN)
    for mid in (PARENT, CHILD, 599_999):
        rows = unsubscribed.filter(unit_id=mid)
        assert tallied(mid, By.CHANNEL, "page") == rows.count()
        assert tallied(mid, By.JOB, "88001") == rows.filter(job_id=88001).count()
        for by, field in ((By.JOB, "job_id"), (By.REASON, "reason"), (By.LIST, "list_id")):
            assert tallied(mid, by) == rows.count()
            without = DailyCount.objects.filter(mid=mid, by=by, key=NONE)
            assert sum(row.number for row in without) == rows.filter(**{field: None}).count()
        refused = rows.filter(status=Status.REFUSED)
        assert tallied(mid, By.STATE, "refused") == refused.count() > 0
    assert sum(tallied(mid, By.STATE) for mid in (PARENT, CHILD, 599_999)) == 300


@pytest.mark.parametrize("before", [Status.PENDING, Status.REFUSED])
def test_a_later_change_is_counted_on_the_day_of_receipt(unit: BusinessUnit, before: str) -> None:
    old = request(20, status=before)
    daily_counts.refresh()
    assert state() == (before, old.received_at.date())
    outbox.requeue([old.pk])
    settle(SubscriberRequest.objects.filter(pk=old.pk), Status.DONE)
    daily_counts.refresh()
    assert state() == ("done", old.received_at.date())


def test_a_requeued_request_is_not_counted_as_refused(unit: BusinessUnit) -> None:
    old = request(20, status=Status.REFUSED)
    daily_counts.refresh()
    outbox.requeue([old.pk])
    daily_counts.refresh()
    assert state() == ("pending", old.received_at.date())


def test_only_days_with_changes_are_counted_again(unit: BusinessUnit) -> None:
    for days_ago in (0, 5, 30):
        request(days_ago)
    assert len(daily_counts.refresh()) >= 31
    assert daily_counts.refresh() == [datetime.now(UTC).date()]
    CountCursor.objects.update(upto=datetime.now(UTC) - timedelta(days=1))
    assert len(daily_counts.refresh()) == daily_counts.RECOUNTED


def test_without_requests_no_day_is_counted(db: None) -> None:
    assert daily_counts.refresh() == []


def test_the_overview_compares_with_the_period_before(unit: BusinessUnit) -> None:
    for days_ago in (0, 1, 2, 8):
        request(days_ago)
    request(0, status=Status.WITHDRAWN)
    daily_counts.refresh()
    found = overview.build(mids=None, days=7)
    assert (found.number, found.before) == (3, 1)
    assert [day.number for day in found.by_day] == [0, 0, 0, 0, 1, 1, 1]
    assert [(one.key, one.number, one.before) for one in found.by_unit] == [(PARENT, 3, 1)]
    assert found.processing_time.number == 3
    assert found.processing_time.p50 == pytest.approx(4)


def test_a_job_that_stands_out_is_marked(unit: BusinessUnit) -> None:
    for job, number in ((1, 12), (2, 2), (3, 2), (4, 3)):
        for _ in range(number):
            request(job_id=job)
    daily_counts.refresh()
    found = overview.build(mids=None, days=1)
    assert [(job.key, job.stands_out) for job in found.by_job] == [
        ("1", True), ("4", False), ("2", False), ("3", False),
    ]  # fmt: skip


def test_the_overview_links_to_what_needs_a_person(
    admin_client: Client, unit: BusinessUnit
) -> None:
    assert "All clear." in seen(admin_client.get("/admin/").content)
    request(3, status=Status.PENDING, finished_at=None)
    queue_state.hold(PARENT, "credentials refused")
    request(1, status=Status.REFUSED)
    html = admin_client.get("/admin/").content.decode()
    for words in (
        "1 request is overdue (more than 48 hours)",
        "1 request is on hold",
        "1 request was refused",
    ):
        assert words in html
    for query in ("late=yes", "status__exact=held", "status__exact=refused"):
        listed = seen(admin_client.get(f"/admin/unsub/subscriberrequest/?{query}").content)
        assert "1 request" in listed, query


def listed(client: Client, url: str) -> int:
    """Return the number of requests that a list shows."""
    return int(client.get(url).context["cl"].result_count)


def test_reasons_that_say_abuse_are_counted_and_open_their_requests(
    admin_client: Client, unit: BusinessUnit
) -> None:
    by_code = {reason.code: reason for reason in Reason.objects.all()}
    for code in ("never-signed-up", "never-signed-up", "spam", "too-many"):
        request(reason=by_code[code])
    request()
    daily_counts.refresh()
    answer = admin_client.get("/admin/")
    assert "3 count as abuse" in seen(answer.content)
    assert listed(admin_client, answer.context["abuse"].url) == 3


def test_every_number_opens_exactly_its_requests(
    admin_client: Client, unit: BusinessUnit, child: BusinessUnit
) -> None:
    dice = random.Random(18)  # noqa: S311 - reproducible
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    for _ in range(150):
        request(
            dice.uniform(0, 20),
            unit_id=dice.choice([PARENT, CHILD]),
            job_id=dice.choice([None, 1, 2]),  # also the numbers of requests
            list_id=dice.choice([None, 7001, 7002]),
            reason=dice.choice([None, *Reason.objects.all()[:2]]),
            channel=dice.choice([Channel.PAGE, Channel.ONE_CLICK]),
            status=dice.choice([Status.DONE, Status.REFUSED, Status.WITHDRAWN]),
        )
    for _ in range(5):
        request(dice.uniform(0, 20), kind=Kind.SUBSCRIBE)
    daily_counts.refresh()
    for query in ("days=7", "days=30", f"days=7&unit={CHILD}"):
        cards = admin_client.get(f"/admin/?{query}").context["cards"]
        assert len(cards) >= 5
        for card in cards:
            assert card.rows
            for row in card.rows:
                assert listed(admin_client, row.url) == row.number, (query, card.title, row.label)
        whole = {sum(row.number for row in card.rows) for card in cards[:5]}
        assert len(whole) == 1, "each table sums to the whole"


class Links(HTMLParser):
    """Collects the links of a page, each with its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a link."""
        if tag == "a":
            self.found.append((dict(attrs).get("href") or "", ""))
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        """End a link."""
        self._open = self._open and tag != "a"

    def handle_data(self, data: str) -> None:
        """Add to a link's text."""
        if self._open:
            href, text = self.found[-1]
            self.found[-1] = href, text + data


def numbers(html: str) -> list[tuple[int, str]]:
    """Return the links of a page of which the text begins with a number, and not with a date
    or an unknown MID: number and address."""
    links = Links()
    links.feed(html)
    texts = [(href, " ".join(text.split())) for href, text in links.found]
    begin = re.compile(r"([\d,]+)(?![.\d%]| [A-Z][a-z]+\.? \d{4}| \(unknown)")
    counted = [(begin.match(text), href) for href, text in texts]
    return [(int(one[1].replace(",", "")), href) for one, href in counted if one]


def rows_of(url: str) -> int:
    """Return the number of rows of a list for a user who sees all, without drawing its page."""
    name = str(resolve(urlsplit(url).path).url_name)
    model = apps.get_model("unsub", name.split("_")[1])
    asked = RequestFactory().get(url)
    asked.user = User.objects.get(is_superuser=True)
    return int(admin.site.get_model_admin(model).get_changelist_instance(asked).result_count)


def test_each_link_with_a_number_on_the_overview_opens_so_many_rows(
    admin_client: Client, unit: BusinessUnit, child: BusinessUnit
) -> None:
    dice = random.Random(19)  # noqa: S311 - reproducible
    reasons = list(Reason.objects.filter(active=True))
    now = datetime.now(UTC)
    for job in (1, 2, 3, 4, 5, 6):
        Send.objects.create(
            unit=child if job == 5 else unit, job_id=job, read_at=now, number_sent=500 * job,
            email_name="Weekly offers" if job % 2 else f"News {job}",
            sent_at=now - timedelta(days=job),
        )  # fmt: skip
    for number in range(260):
        job = dice.choice([None, *range(1, 15)])
        request(
            dice.uniform(0, 24),
            unit_id=CHILD if job == 5 else PARENT if job else dice.choice([PARENT, CHILD]),
            job_id=job,
            list_id=dice.choice([None, 7001, 7002]),
            reason=dice.choice([None, None, *reasons]),
            channel=dice.choice([Channel.PAGE, Channel.ONE_CLICK]),
            status=dice.choice([Status.DONE, Status.DONE, Status.REFUSED, Status.WITHDRAWN]),
            kind=Kind.SUBSCRIBE if number % 40 == 0 else Kind.UNSUBSCRIBE,
        )
    request(3, status=Status.PENDING, finished_at=None)
    for _ in range(3):
        LostLink.objects.create(unit=unit, email_address="ada@example.com")
    LostLink.objects.create(unit=child, email_address="ada@example.com")
    Erasure.objects.create(unit=child, subscriber_id=1)
    daily_counts.refresh()
    today = SubscriberRequest.objects.unsubscribes().exclude(status=Status.WITHDRAWN)
    spiked = today.filter(unit_id=PARENT, job_id=2).count()
    Alarm.objects.create(cause=Cause.LATE, mid=PARENT, number=1)
    Alarm.objects.create(cause=Cause.LATE, mid=CHILD, number=1, cleared_at=Now())
    Alarm.objects.create(cause=Cause.SEND_SPIKE, mid=PARENT, job_id=2, number=spiked)
    begin = (now - timedelta(days=4)).date().isoformat()
    queries = (
        "days=7", f"days=90&unit={PARENT}&full=job",
        f"from={begin}&to={now.date().isoformat()}&full=reasons-of-sends",
    )  # fmt: skip
    for query in queries:
        page = admin_client.get(f"/admin/?{query}")
        found = set(numbers(page.content.decode()))
        assert len(found) > 25, query
        for number, url in found:
            assert rows_of(url) == number, (query, number, url)
        for task in page.context["tasks"][:1]:
            if query == "days=7":
                assert rows_of(task.url) == spiked


def test_days_are_those_of_each_unit_s_time_zone_and_open_their_requests(
    admin_client: Client, unit: BusinessUnit, child: BusinessUnit
) -> None:
    zones = {PARENT: ZoneInfo("Pacific/Auckland"), CHILD: ZoneInfo("America/Los_Angeles")}
    for mid, zone in zones.items():
        BusinessUnit.objects.filter(mid=mid).update(time_zone=zone.key)
    rows = [
        request(number / 5, unit_id=(PARENT, CHILD, 599_999)[number % 3], job_id=1 + number % 4)
        for number in range(60)
    ]
    daily_counts.refresh()
    local: Counter[Any] = Counter()
    for row in rows:
        local[row.unit_id, row.received_at.astimezone(zones.get(row.unit_id, UTC)).date()] += 1
    for query, mids in (("days=7", (PARENT, CHILD, 599_999)), (f"days=7&unit={CHILD}", (CHILD,))):
        page = admin_client.get(f"/admin/?{query}")
        found = page.context["overview"]
        for day in found.by_day:
            assert day.number == sum(local[mid, day.key] for mid in mids), (query, day)
        assert found.zone == ("" if len(mids) > 1 else "America/Los_Angeles")
        for number, url in set(numbers(page.content.decode())):
            assert rows_of(url) == number, (query, number, url)
        words = "time zone America/Los_Angeles." if found.zone else "each business unit’s own"
        assert words in seen(page.content)


def test_reasons_are_shown_by_day_and_by_week_and_add_up(
    admin_client: Client, unit: BusinessUnit
) -> None:
    for days_ago in range(60):
        for reason in Reason.objects.filter(active=True):
            request(days_ago, reason=reason)
        request(days_ago, reason=None)
    daily_counts.refresh()
    for query, columns in (("days=30", 30), ("days=90", 13), ("days=1", 1)):
        page = admin_client.get(f"/admin/?{query}")
        chart = page.context["reasons_over_time"]
        assert chart.names[-2:] == ["All other reasons", "No reason given"]
        assert len(chart.names) == 7
        assert len(chart.stacks) == columns
        assert sum(one.number for one in chart.stacks) == page.context["overview"].number
        for one in chart.stacks:
            assert sum(part.number for part in one.parts) == one.number
            assert all(part.y >= 0 for part in one.parts)
        assert chart.stacks[-1].is_unfinished
        assert "(so far)" in seen(page.content)


def test_the_reasons_of_sends_say_how_many_there_are(
    admin_client: Client, unit: BusinessUnit
) -> None:
    often = Reason.objects.get(code="too-many")
    for job in range(1, 13):
        request(job_id=job, reason=often)
        request(job_id=job)
    request(job_id=3)
    request(job_id=None, reason=often)
    daily_counts.refresh()
    page = admin_client.get("/admin/?days=7")
    table = page.context["reasons_by_send"]
    assert table.names == ["I get too many emails", "No reason given"]
    assert [part.number for part in table.rows[0].parts] == [1, 2]
    assert "10 of 12 sends. Show all" in seen(page.content)
    full = admin_client.get("/admin/" + table.full_url.partition("#")[0])
    assert [
        [part.number for part in row.parts] for row in full.context["reasons_by_send"].rows
    ] == [[1, 2], *[[1, 1]] * 11]


def test_a_request_without_a_reason_list_or_job_has_a_row(
    admin_client: Client, unit: BusinessUnit
) -> None:
    request(job_id=None, list_id=None, reason=None)
    daily_counts.refresh()
    words = seen(admin_client.get("/admin/").content)
    for row in ("No reason given 1", "No list in the link 1", "No send in the link 1"):
        assert row in words


def test_a_table_says_what_it_leaves_out_and_opens_in_full(
    admin_client: Client, unit: BusinessUnit
) -> None:
    for job in range(1, 13):
        request(job_id=job)
    daily_counts.refresh()
    page = admin_client.get("/admin/?days=7")
    [card] = [card for card in page.context["cards"] if card.key == "job"]
    assert (len(card.rows), card.hidden, card.hidden_number) == (10, 2, 2)
    assert "2 more, with 2 unsubscribes. Show all" in seen(page.content)
    page = admin_client.get("/admin/" + card.full_url.partition("#")[0])
    [card] = [card for card in page.context["cards"] if card.key == "job"]
    assert (len(card.rows), card.hidden) == (12, 0)
    assert page.context["chosen"].days == 7


def test_the_overview_of_one_unit_has_its_numbers_alone(
    admin_client: Client, unit: BusinessUnit, child: BusinessUnit
) -> None:
    request()
    request(unit_id=CHILD)
    request(1, unit_id=CHILD, status=Status.REFUSED)
    daily_counts.refresh()
    page = admin_client.get(f"/admin/?unit={CHILD}")
    assert page.context["overview"].number == 2
    assert f"?days=7&unit={CHILD}" in [url for url, _, _ in page.context["periods"]]
    [task] = page.context["tasks"]
    assert listed(admin_client, task.url) == 1
    assert admin_client.get("/admin/?unit=599999").context["overview"].number == 3


def test_another_unit_cannot_be_chosen(unit: BusinessUnit, child: BusinessUnit) -> None:
    request(unit_id=CHILD)
    daily_counts.refresh()
    page = person("marketer", unit).get(f"/admin/?unit={CHILD}")
    assert page.context["overview"].number == 0


def test_after_a_change_of_a_unit_s_time_zone_all_its_days_are_counted_again(
    unit: BusinessUnit, child: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zone_recounts, "DAYS", 10)
    begin = (datetime.now(UTC) - timedelta(days=30)).replace(hour=23, minute=30)
    evenings = [begin + timedelta(days=number) for number in range(5)]
    for mid in (PARENT, CHILD):
        for at in evenings:
            row = request(unit_id=mid)
            rewrite(
                SubscriberRequest.objects.filter(pk=row.pk),
                status=Status.DONE, outcome="posted", attempts=1, received_at=at, finished_at=at,
            )  # fmt: skip
    tasks.refresh_daily_counts()
    days = [at.date() for at in evenings]
    assert counted(PARENT) == counted(CHILD) == days
    BusinessUnit.objects.filter(pk=PARENT).update(time_zone="Asia/Tokyo")
    tasks.refresh_daily_counts()
    assert counted(PARENT) == days  # so far
    while CountedZone.objects.exclude(left_before=None).exists():
        tasks.refresh_daily_counts()
    assert counted(PARENT) == [day + timedelta(days=1) for day in days]
    assert counted(CHILD) == days


def counted(mid: int) -> list[date]:
    """Return the days of a unit that have a request, by the daily counts."""
    rows = DailyCount.objects.filter(mid=mid, by=By.STATE, number=1)
    return list(rows.order_by("day").values_list("day", flat=True))


def test_the_overview_says_how_many_requests_the_processing_time_is_of(
    admin_client: Client, unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        request()
    assert "last 7 days." in seen(admin_client.get("/admin/").content)
    monkeypatch.setattr(dashboard, "NEWEST", 2)
    assert "latest 2 requests of the last 7 days." in seen(admin_client.get("/admin/").content)


def test_a_unit_that_does_not_exist_is_shown_as_unknown(
    admin_client: Client, unit: BusinessUnit
) -> None:
    request(unit_id=599_999)
    daily_counts.refresh()
    assert "599999 (unknown business unit)" in seen(admin_client.get("/admin/").content)


def test_a_marketer_sees_the_numbers_of_their_units_only(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    request()
    for _ in range(3):
        request(unit_id=CHILD, job_id=88101, list_id=7101)
    MailingList.objects.create(unit=child, list_id=7101, name="Kids only")
    daily_counts.refresh()
    words = seen(person("marketer", unit).get("/admin/").content)
    for trace in ("Example Kids", "88101", "7101", "Kids only"):
        assert trace not in words
    assert "Example Outfitters 1 0" in words


def test_each_kind_is_counted_and_does_not_change_other_numbers(unit: BusinessUnit) -> None:
    other = request()
    request(kind=Kind.UNSUBSCRIBE, status=Status.SUPERSEDED, superseded_by=other)
    for status in set(Status) - {Status.HELD}:
        by = other if status == Status.SUPERSEDED else None
        request(kind=Kind.SUBSCRIBE, status=status, superseded_by=by, **leased(status))
    request(kind=Kind.ATTRIBUTE, target_type="attribute", target_id=None, target_name="City")
    daily_counts.refresh()
    found = overview.build(mids=None, days=7)
    assert [(one.key, one.number) for one in found.by_kind] == [("subscribe", 4), ("attribute", 1)]
    assert found.number == 1
    assert [(one.key, one.number) for one in found.by_channel] == [("page", 1)]
    assert tallied(PARENT, By.JOB) == tallied(PARENT, By.KIND, "unsubscribe") == 1
    assert tallied(PARENT, By.STATE) == 2


def test_the_profile_centre_s_card_links_to_its_requests(
    admin_client: Client, unit: BusinessUnit
) -> None:
    request()
    daily_counts.refresh()
    assert "Preference center" not in seen(admin_client.get("/admin/").content)
    request(kind=Kind.SUBSCRIBE)
    daily_counts.refresh()
    html = admin_client.get("/admin/").content.decode()
    assert 'kind__exact=subscribe">join a list</a>' in html
    assert "Preference center" in html
    listed = seen(admin_client.get("/admin/unsub/subscriberrequest/?kind__exact=subscribe").content)
    assert "1 request" in listed


@pytest.mark.parametrize("days", ["0", "x", "-1", "1000000", ""])
def test_an_invalid_period_is_thirty_days(
    admin_client: Client, unit: BusinessUnit, days: str
) -> None:
    html = admin_client.get(f"/admin/?days={days}").content.decode()
    assert '<a href="?days=30" aria-current="true">' in html


def test_overview_and_list_need_few_queries(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    for number in range(40):
        request(number % 20, job_id=number + 1, subscriber_id=number + 1)
    daily_counts.refresh()
    for path in ("/admin/?days=90", "/admin/unsub/subscriberrequest/"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert admin_client.get(path).status_code == 200
        assert len(queries) <= 30, path


def test_the_overview_has_dates_of_its_own_and_opens_exactly_their_requests(
    admin_client: Client, unit: BusinessUnit
) -> None:
    for days_ago in (0, 3, 4, 5, 7, 8):
        request(days_ago)
    daily_counts.refresh()
    last = datetime.now(UTC).date() - timedelta(days=3)
    begin = last - timedelta(days=2)
    dates = {"from": begin.isoformat(), "to": last.isoformat()}
    page = admin_client.get("/admin/", dates)
    found = page.context["overview"]
    assert (found.first, found.last, found.number, found.before) == (begin, last, 3, 2)
    assert not found.is_unfinished
    assert "so far" not in seen(page.content)
    [row] = next(card for card in page.context["cards"] if card.key == "unit").rows
    opened = admin_client.get(row.url).context["cl"]
    assert opened.result_count == row.number == 3


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-13-01", "2026-01-01"), ("", ""), ("0001-01-01", "9999-12-31"), ("9999-01-01", "x"),
        # There is no period before it.
        ("0001-01-01", "0001-01-02"),
    ],
)  # fmt: skip
def test_dates_that_are_no_period_are_ignored(
    admin_client: Client, unit: BusinessUnit, begin: str, end: str
) -> None:
    request(0)
    daily_counts.refresh()
    page = admin_client.get("/admin/", {"from": begin, "to": end})
    assert len(page.context["overview"].by_day) == 30
    assert page.context["overview"].is_unfinished
    assert "Today (so far): 1" in page.content.decode()
