"""The timeline of a request, the proof for one person, and the audit export."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from tests.helpers import CHILD, MakeSubmission, person, rewrite, seen, settle
from unsub.admin import exports
from unsub.domain.context import SubscriberContext
from unsub.models import (
    BusinessUnit,
    DeliveryAttempt,
    Kind,
    ResolutionNote,
    Status,
    SubscriberRequest,
)
from unsub.outbox import store
from unsub.outbox.submission import Change
from unsub.reporting import audit_export

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"


@pytest.fixture
def told(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """A request whose first call got no reply, and whose second was confirmed."""
    request, _ = store.write(make_submission(1001, reason="too-many"))
    lease = "00000000-0000-4000-8000-00000000000"
    for number, (outcome, vendor) in enumerate((("unknown", ""), ("posted", "req-7")), start=1):
        DeliveryAttempt.objects.create(
            request=request, number=number, lease=f"{lease}{number}", outcome=outcome,
            started_at=request.received_at + timedelta(seconds=number * 10),
            finished_at=request.received_at + timedelta(seconds=number * 10 + 1),
            sfmc_request_id=vendor,
        )  # fmt: skip
    settle(SubscriberRequest.objects.all(), Status.DONE, attempts=2)
    return request


def body(answer: Any) -> str:
    """Return a streamed body."""
    assert isinstance(answer, StreamingHttpResponse)
    return b"".join(answer).decode()


def test_the_timeline_of_a_request_is_in_order(
    admin_client: Client, told: SubscriberRequest
) -> None:
    words = seen(admin_client.get(f"{LIST}{told.pk}/change/").content)
    moments = (
        "Unsubscribed from the mailing list with one click in the email program (RFC 8058).",
        "Attempt 1: LogUnsubEvent sent",
        "No readable response.",
        "Attempt 2: LogUnsubEvent sent",
        "Marketing Cloud confirmed the unsubscribe. (request ID req-7)",
    )
    places = [words.index(moment) for moment in moments]
    assert places == sorted(places)


def test_a_proof_has_all_requests_of_one_person_and_none_of_others(
    admin_client: Client,
    told: SubscriberRequest,
    child: BusinessUnit,
    make_submission: MakeSubmission,
) -> None:
    again, _ = store.write(make_submission(1001, job=88003))
    other, _ = store.write(make_submission(1002))
    elsewhere, _ = store.write(make_submission(1001, mid=CHILD, job=88101))
    words = seen(admin_client.get(f"{LIST}{told.pk}/proof/").content)
    assert "in business unit Example Outfitters (510001), as of" in words
    assert f"#{told.pk} · done · JobID 88002" in words
    assert f"#{again.pk} · pending · JobID 88003" in words
    assert f"#{other.pk} ·" not in words
    assert f"#{elsewhere.pk} ·" not in words


def test_who_took_data_out_is_in_the_history_and_in_the_log(
    admin_client: Client, admin_user: User, told: SubscriberRequest
) -> None:
    with capture_logs() as logs:
        admin_client.head(f"{LIST}{told.pk}/proof/")
        body(admin_client.get(f"{LIST}export.csv?q=ada"))
        admin_client.get(f"{LIST}{told.pk}/proof/")
    logs = [line for line in logs if "user" in line]
    assert [line["event"] for line in logs] == ["proof_opened", "audit_exported", "proof_opened"]
    assert {(line["user"], line["client"]) for line in logs} == {(admin_user.pk, "127.0.0.1")}
    exported, opened = LogEntry.objects.order_by("pk")
    assert (exported.user, exported.get_edited_object()) == (admin_user, admin_user)
    assert exported.change_message == "Exported requests as csv, with identifiers."
    assert (opened.user, opened.object_id) == (admin_user, str(told.pk))
    history = seen(admin_client.get(f"{LIST}{told.pk}/history/").content)
    assert "Opened a subscriber record." in history


def test_a_truncated_proof_says_so(
    admin_client: Client,
    told: SubscriberRequest,
    make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.write(make_submission(1001, job=88003))
    address = f"{LIST}{told.pk}/proof/"
    assert "Showing the latest" not in seen(admin_client.get(address).content)
    monkeypatch.setattr(exports, "PROOF_MAX", 1)
    words = seen(admin_client.get(address).content)
    assert "Showing the latest 1 requests." in words
    assert "JobID 88003" in words


def test_the_export_has_exactly_the_filtered_requests(
    admin_client: Client, told: SubscriberRequest, make_submission: MakeSubmission
) -> None:
    store.write(make_submission(1002))
    for query, number in (
        ("", 2), ("status__exact=done", 1), ("q=1002", 1), ("status__exact=refused", 0),
        ("p=2", 2),
    ):  # fmt: skip
        rows = list(
            csv.DictReader(io.StringIO(body(admin_client.get(f"{LIST}export.csv?{query}"))))
        )
        assert len(rows) == number, query
        lines = body(admin_client.get(f"{LIST}export.jsonl?{query}")).splitlines()
        assert len(lines) == number
        assert all(set(json.loads(line)) == set(audit_export.columns(named=True)) for line in lines)
    answer = admin_client.get(f"{LIST}export.csv")
    assert answer["Content-Disposition"].startswith('attachment; filename="unsubscribes-')
    assert admin_client.get(f"{LIST}export.exe").status_code == 404


def test_formulas_in_the_export_are_escaped(admin_client: Client, told: SubscriberRequest) -> None:
    rewrite(SubscriberRequest.objects.all(), reason_text="=HYPERLINK(1)")
    assert ",'=HYPERLINK(1)," in body(admin_client.get(f"{LIST}export.csv"))


def test_requests_of_another_unit_are_neither_proven_nor_exported(
    told: SubscriberRequest, child: BusinessUnit, make_submission: MakeSubmission
) -> None:
    client = person("viewer", child)
    mine, _ = store.write(make_submission(1009, mid=CHILD, job=88101))
    assert client.get(f"{LIST}{told.pk}/proof/").status_code == 403
    rows = list(csv.DictReader(io.StringIO(body(client.get(f"{LIST}export.csv")))))
    assert [row["id"] for row in rows] == [str(mine.pk)]
    assert client.get(f"{LIST}export.csv?unit__mid__exact=510001").status_code == 403


def test_the_timeline_says_how_a_withdrawn_or_refused_request_ended(
    admin_client: Client, told: SubscriberRequest
) -> None:
    for status, words in (
        (Status.WITHDRAWN, "Undone by the subscriber."),
        (Status.REFUSED, "Moved to “Needs attention”."),
    ):
        rewrite(SubscriberRequest.objects.all(), status=status)
        assert words in seen(admin_client.get(f"{LIST}{told.pk}/change/").content)


def test_an_export_continues_from_chunk_to_chunk(
    admin_client: Client,
    unit: BusinessUnit,
    make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_export, "CHUNK", 3)
    made = [store.write(make_submission(1001 + number))[0].pk for number in range(8)]
    rows = csv.DictReader(io.StringIO(body(admin_client.get(f"{LIST}export.csv"))))
    assert [int(row["id"]) for row in rows] == made


def test_a_proof_has_nothing_of_another_who_shares_the_address(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    one, other = (
        store.write(
            make_submission(
                SubscriberContext(subscriber_id=number, email_address="family@example.com"),
                job=87000 + number,
            )
        )[0]
        for number in (1001, 1002)
    )
    words = seen(admin_client.get(f"{LIST}{one.pk}/proof/").content)
    assert f"#{one.pk} · pending · JobID 88001" in words
    assert "88002" not in words
    assert f"#{other.pk} ·" not in words


def test_a_proof_of_many_requests_asks_the_database_no_more_often(
    admin_client: Client, told: SubscriberRequest, make_submission: MakeSubmission
) -> None:
    counts = []
    for numbers in (range(7002, 7004), range(7004, 7024)):
        for number in numbers:
            submission = make_submission(1001, channel="profile", language="en")
            change = Change(kind=Kind.SUBSCRIBE, consent_text="You agree." if number % 2 else "")
            row, _ = store.write(
                replace(submission, context=submission.context.for_list(number), change=change)
            )
            ResolutionNote.objects.create(request=row, user=None, note="Looked at")
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(f"{LIST}{told.pk}/proof/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
