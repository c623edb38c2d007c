"""The report of scanner-like requests, which are carried out all the same."""

import re
import time
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import FORM, PARENT, MakeSubmission, link, seen
from unsub import tasks
from unsub.models import BusinessUnit, Channel, Status, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import spool
from unsub.outbox.submission import Submission
from unsub.reporting import scanner_report

pytestmark = pytest.mark.django_db(transaction=True)
REPORT = "/admin/unsub/subscriberrequest/scanners/"
LIST = "/admin/unsub/subscriberrequest/"


def report() -> list[tuple[int, int, int, int, int]]:
    """Return the report's numbers."""
    return [
        (one.job_id, one.requests, one.known, one.soon, one.crowded)
        for one in scanner_report.signs(SubscriberRequest.objects.all())
    ]


def test_a_known_scanner_is_recorded_and_its_request_stored(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    client.post(link(settings), FORM, headers={"user-agent": "Barracuda Sentinel"})
    row = SubscriberRequest.objects.get()
    assert (row.scanner, row.status) == ("barracuda", Status.PENDING)
    assert report() == [(88002, 1, 1, 0, 0)]


def test_a_submission_soon_after_the_link_was_issued_is_a_sign(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    person = {"user-agent": "Mozilla/5.0 (iPhone)"}
    now = int(time.time())
    client.post(link(settings, issued_at=now - 20), FORM, headers=person)
    client.post(link(settings, 1002, issued_at=now - 5000), FORM, headers=person)
    client.post(link(settings, 1003), FORM, headers=person)
    ages = SubscriberRequest.objects.order_by("pk").values_list("link_age", flat=True)
    assert ages[0] in range(20, 40)
    assert ages[1] in range(5000, 5020)
    assert ages[2] is None
    assert [numbers[:4] for numbers in report()] == [(88002, 3, 0, 1)]


def test_a_link_issued_in_the_future_has_age_zero(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    client.post(link(settings, issued_at=int(time.time()) + 10_000), FORM)
    assert SubscriberRequest.objects.get().link_age == 0


def test_many_in_one_second_are_a_sign_and_one_clicks_are_not(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for number in range(6):
        moment = at + timedelta(milliseconds=number * 100)
        outbox.submit(make_submission(1001 + number, channel=Channel.PAGE, received_at=moment))
        outbox.submit(make_submission(1011 + number, channel=Channel.ONE_CLICK, received_at=moment))
    alone = at + timedelta(minutes=1)
    outbox.submit(make_submission(1021, channel=Channel.PAGE, received_at=alone))
    assert report() == [(88002, 7, 0, 0, 6)]


def test_old_requests_are_not_reported(unit: BusinessUnit, make_submission: MakeSubmission) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=31)
    submission = make_submission(channel=Channel.PAGE, received_at=long_ago)
    outbox.submit(
        Submission(
            token=submission.token,
            context=submission.context,
            channel=Channel.PAGE,
            scanner="script",
            received_at=long_ago,
        )
    )
    assert report() == []


def test_a_spooled_request_keeps_the_scanner_and_may_lack_it(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission(channel=Channel.PAGE)
    message = submission.to_message()
    del message["scanner"]
    spool._queue.push(PARENT, "early", spool._seal(message), most=9)
    other = make_submission(1002)
    spool.push(
        Submission(token=other.token, context=other.context, channel=Channel.PAGE, scanner="script")
    )
    tasks.record()
    assert list(SubscriberRequest.objects.order_by("pk").values_list("scanner", flat=True)) == [
        "", "script",
    ]  # fmt: skip


def test_a_marketer_sees_the_report_and_finds_the_requests(
    client: Client, admin_client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    assert "No suspected bots in the last 30 days" in seen(admin_client.get(REPORT).content)
    client.post(link(settings), FORM, headers={"user-agent": "curl/8"})
    client.post(link(settings, 1002, job=88001), FORM, headers={"user-agent": "Mozilla/5.0"})
    html = seen(admin_client.get(REPORT).content)
    assert "88002 Example Outfitters (510001) 1 1 0 0 100%" in html
    assert "88001" not in html
    # Of this send alone: neither request 88002 nor a subscriber of that number, nor another unit's.
    [row] = re.findall(r'href="([^"]*job_id=[^"]*)"', admin_client.get(REPORT).content.decode())
    assert row == f"{LIST}?job_id=88002&amp;unit__mid__exact=510001&amp;channel__exact=page"
    client.post(link(settings, 88002, job=88003), FORM, headers={"user-agent": "Mozilla/5.0"})
    assert admin_client.get(unescape(row)).context["cl"].result_count == 1
    assert "1 request" in seen(admin_client.get(f"{LIST}?scanner=yes").content)
    assert "2 requests" in seen(admin_client.get(f"{LIST}?scanner=no").content)
    assert client.get(REPORT).status_code == 302
