"""What has ended is sealed, and a verification names what was done to it since."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, context, made, remove, rotate_digest_key
from unsub import tasks
from unsub.alerting import detection
from unsub.audit import rows, sealing, seals
from unsub.domain.call_method import CallMethod
from unsub.models import (
    AuditSeal,
    BusinessUnit,
    Cause,
    Channel,
    DeliveryAttempt,
    Erasure,
    SealCursor,
    SealedTable,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import erasure, retention
from unsub.outbox.submission import Submission

from .helpers import findings, tamper, verify_audit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, unit: BusinessUnit) -> None:
    """Seal what has ended at once."""
    monkeypatch.setattr(sealing, "LAG", timedelta())


def ended(number: int = 1, **changes: Any) -> list[SubscriberRequest]:
    """Return new requests that ended two hours ago, each with an attempt."""
    found = [made(2 / 24, subscriber_id=1001 + one, **changes) for one in range(number)]
    for row in found:
        row.save()
        at = row.finished_at or row.received_at
        DeliveryAttempt.objects.create(
            request=row, number=1, lease=uuid4(), started_at=at, finished_at=at, outcome="posted"
        )
    return found


def seal() -> int:
    """Seal everything. Attempts and imports are sealed in the run after the one that sees them."""
    return sealing.seal() + sealing.seal()


def requests(*found: SubscriberRequest) -> Any:
    """Return the requests as a query."""
    return SubscriberRequest.objects.filter(pk__in=[row.pk for row in found])


def test_what_has_ended_is_sealed_once() -> None:
    ended(3)
    made(status=Status.PENDING).save()
    assert (seal(), seal()) == (6, 0)
    tables = AuditSeal.objects.values_list("number", "table", "rows")
    assert list(tables) == [(1, SealedTable.REQUESTS, 3), (2, SealedTable.ATTEMPTS, 3)]
    assert findings() == []


def test_a_long_run_makes_several_seals_and_each_row_is_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "CHUNK", 2)
    ended(5, unit_id=PARENT)
    ended(2, unit_id=CHILD)
    assert seal() == 14
    assert sorted(AuditSeal.objects.values_list("rows", flat=True)) == [1, 1, 2, 2, 2, 2, 2, 2]
    assert findings() == []


def test_imported_events_with_times_in_the_past_are_sealed() -> None:
    ended()
    seal()
    made(9, channel=Channel.IMPORT, attempts=0).save()
    assert seal() == 1
    assert findings() == []


def test_exported_seals_name_nobody() -> None:
    ended(email_address="ada@example.com", subscriber_key="ada-1001")
    seal()
    out = StringIO()
    call_command("export_seals", stdout=out)
    assert len(out.getvalue().splitlines()) == 2
    assert "1001" not in out.getvalue()
    assert "@" not in out.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "already_unsubscribed"},
        {"job_id": 88003},
        {"sfmc_request_id": "another"},
        {"finished_at": timezone.now() - timedelta(days=3)},
        {"subscriber_key": "someone-else"},
        {"reason_text": "Something else"},
    ],
)
def test_an_altered_request_is_named(change: dict[str, Any]) -> None:
    _, row, _ = ended(3)
    seal()
    tamper(requests(row), **change)
    [found] = findings()
    assert found.startswith(f"request {row.pk}: altered (seal 1")


def test_a_missing_request_is_named_and_a_missing_attempt() -> None:
    _, row, _ = ended(3)
    seal()
    attempt = DeliveryAttempt.objects.get(request=row)
    remove(DeliveryAttempt.objects.filter(pk=attempt.pk))
    remove(requests(row))
    assert findings() == [
        f"request {row.pk}: missing (seal 1)",
        f"attempt {attempt.pk}: missing (seal 2)",
    ]


def test_an_altered_attempt_is_named() -> None:
    ended(3)
    seal()
    attempt = DeliveryAttempt.objects.order_by("pk")[1]
    tamper(DeliveryAttempt.objects.filter(pk=attempt.pk), sfmc_request_id="another")
    assert findings() == [f"attempt {attempt.pk}: altered (seal 2)"]


def test_rows_that_changed_places_are_named() -> None:
    first, second = ended(2)
    free = second.pk + 100
    remove(DeliveryAttempt.objects.all())  # they refer to the ids
    seal()
    tamper(requests(first), id=free)
    tamper(requests(second), id=first.pk)
    tamper(SubscriberRequest.objects.filter(pk=free), id=second.pk)
    moved = "has the content that was sealed for another row"
    assert findings()[:2] == [
        f"request {first.pk}: {moved} (seal 1, that of {second.pk})",
        f"request {second.pk}: {moved} (seal 1, that of {first.pk})",
    ]


def test_an_inserted_request_is_named_and_an_inserted_attempt() -> None:
    first, second, third = ended(3)
    remove(DeliveryAttempt.objects.filter(request=second))
    seal()
    made(3, pk=third.pk + 1).save()
    gap = DeliveryAttempt.objects.get(request=first).pk + 1
    DeliveryAttempt.objects.create(
        pk=gap, request=second, number=7, lease=uuid4(), finished_at=timezone.now()
    )
    assert findings() == [
        f"attempt {gap}: was added among sealed rows (seal 2)",
        f"request {third.pk + 1}: ended over an hour ago and is not sealed",
    ]


def test_the_database_refuses_to_change_or_delete_a_seal() -> None:
    ended()
    seal()
    own = AuditSeal.objects.filter(number=1)
    for change in (lambda: own.update(rows=2), own.delete):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


def test_an_altered_seal_is_named_and_nothing_is_added_to_an_altered_chain() -> None:
    row, *_ = ended(2)
    seal()
    tamper(requests(row), outcome="already_unsubscribed")
    # Made to fit, without the key.
    _, final = rows.digests_of(rows.final_of_requests(SubscriberRequest.objects.order_by("pk")))
    tamper(AuditSeal.objects.filter(number=1), final=b"".join(final))
    assert findings()[0] == f"seal 1: altered (2 requests from {row.pk} to {row.pk + 1})"
    tamper(AuditSeal.objects.filter(number=2), rows=3)
    ended()
    assert sealing.seal() == 0


def test_a_missing_seal_is_named_also_the_last_one() -> None:
    ended()
    seal()
    ended()
    seal()
    line = seals.as_line(AuditSeal.objects.get(number=4))
    last, row = AuditSeal.objects.get(number=4), SubscriberRequest.objects.first()
    assert row
    attempt = DeliveryAttempt.objects.get(request=row)
    remove(AuditSeal.objects.filter(number=4))
    assert findings() == [f"attempt {attempt.pk}: ended over an hour ago and is not sealed"]
    assert findings([line])[0] == "seal 4: missing"
    last.save(force_insert=True)
    remove(AuditSeal.objects.filter(number=2))
    assert "seal 2: missing" in findings()


def test_seals_that_changed_places_do_not_follow_each_other() -> None:
    ended()
    seal()
    tamper(AuditSeal.objects.filter(number=1), number=9)
    tamper(AuditSeal.objects.filter(number=2), number=1)
    tamper(AuditSeal.objects.filter(number=9), number=2)
    assert [found.partition(" (")[0] for found in findings()][:2] == [
        "seal 1: altered",
        "seal 2: altered",
    ]


def test_a_chain_made_anew_with_the_key_differs_from_the_exported_seals(tmp_path: Path) -> None:
    row, *_ = ended(2)
    seal()
    file = tmp_path / "seals.jsonl"
    call_command("export_seals", "--output", str(file))
    assert verify_audit("--seals", str(file))[1] == ""
    tamper(requests(row), outcome="already_unsubscribed")
    remove(AuditSeal.objects.all())
    SealCursor.objects.all().delete()
    seal()
    assert findings() == []
    out, error = verify_audit("--seals", str(file))
    assert "seal 1: differs from the exported one" in out
    assert "seal 1" in error


def test_the_command_says_what_it_verified_and_fails_at_the_first_difference() -> None:
    row, *_ = ended(2)
    seal()
    last = AuditSeal.objects.get(number=2)
    out, error = verify_audit()
    assert (out.splitlines(), error) == (
        ["4 rows in 2 seals are as they were sealed", f"last seal: 2 {last.digest}"],
        "",
    )
    tamper(requests(row), outcome="already_unsubscribed")
    out, error = verify_audit()
    assert out == f"request {row.pk}: altered (seal 1)\n"
    assert f"request {row.pk}" in error


def test_a_file_that_holds_no_seals_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    for content in ("no JSON", "[]", json.dumps({"number": 2}) + "\n" + json.dumps({"number": 1})):
        file.write_text(content)
        assert "line" in verify_audit("--seals", str(file))[1]


def test_retention_keeps_the_seals_verifiable() -> None:
    BusinessUnit.objects.update(retention_days=0)
    row, *_ = ended(2, subscriber_key="ada-1001", email_address="ada@example.com")
    seal()
    assert retention.apply()["requests"] == 2
    row.refresh_from_db()
    assert (row.subscriber_key, row.seal_salt) == ("", None)
    assert findings() == []
    tamper(requests(row), subscriber_key="someone-else")
    assert findings() == [f"request {row.pk}: altered (seal 1, who asked, the value or reason)"]


def test_an_erasure_keeps_the_seals_verifiable_and_removes_the_salt() -> None:
    row = outbox.submit(Submission(token="t", context=context(), channel=Channel.ONE_CLICK))
    assert row
    own = requests(row)
    own.update(status=Status.DONE, outcome="posted", attempts=1, finished_at=timezone.now())
    seal()
    erasure.request_erasure(context(), language="en")
    erasure.grant(Erasure.objects.get(), user_id=None, note="")  # type: ignore[arg-type]
    row.refresh_from_db()
    assert row.subscriber_key.startswith("erased-")
    assert row.seal_salt is None
    assert findings() == []
    assert seal() == 0


def test_an_erased_request_is_still_named_when_it_is_altered() -> None:
    row, *_ = ended(2)
    seal()
    BusinessUnit.objects.update(retention_days=0)
    retention.apply()
    tamper(requests(row), outcome="already_unsubscribed")
    assert findings() == [f"request {row.pk}: altered (seal 1)"]


def test_a_request_that_is_tried_again_is_sealed_again() -> None:
    row, *_ = ended(2, status=Status.REFUSED, outcome="refused")
    seal()
    assert outbox.requeue([row.pk]) == 1
    out, error = verify_audit()
    assert "1 of them opened again since" in out
    assert (findings(), error) == ([], "")
    own = requests(row)
    own.update(status=Status.DONE, outcome="posted", attempts=2, finished_at=timezone.now())
    assert seal() == 1
    assert findings() == []
    tamper(own, attempts=7)
    assert findings() == [f"request {row.pk}: altered (seal 3)"]


def test_a_request_that_only_looks_as_if_it_was_tried_again_is_named() -> None:
    row, *_ = ended(2)
    seal()
    soon = timezone.now() + timedelta(minutes=1)
    tamper(requests(row), outcome="already_unsubscribed", finished_at=soon)
    assert findings() == []  # It may end within the hour: the next run seals it as it is.
    tamper(requests(row), finished_at=row.finished_at)
    assert findings() == [f"request {row.pk}: altered (seal 1)"]


def test_a_reason_that_is_given_after_the_seal_alters_nothing() -> None:
    row = outbox.submit(Submission(token="t", context=context(), channel=Channel.ONE_CLICK))
    assert row
    own = requests(row)
    own.update(status=Status.DONE, outcome="posted", attempts=1, finished_at=timezone.now())
    seal()
    assert outbox.add_reason(context(), reason="", words="Too many")
    assert findings() == []
    tamper(own, subscriber_id=7)
    assert len(findings()) == 1


def test_a_repeated_request_and_a_new_digest_key_alter_nothing(settings: Settings) -> None:
    ended()
    seal()
    rotate_digest_key(settings)
    SubscriberRequest.objects.update(
        repeated_at=timezone.now(), subscriber_digest="2:other", address_mask="a@example.com"
    )
    ended()
    assert seal() == 2
    assert findings() == []
    assert set(AuditSeal.objects.values_list("key", flat=True)) == {"1", "2"}


def test_a_seal_whose_key_is_gone_is_named(settings: Settings) -> None:
    ended()
    seal()
    rotate_digest_key(settings)
    settings.DIGEST_KEYRING = type(settings.DIGEST_KEYRING)(keys=settings.DIGEST_KEYRING.keys[:1])
    assert findings()[0].startswith("seal 1: was made with a key that is not in DIGEST_KEYS")


def test_an_open_attempt_waits_and_the_ones_after_it() -> None:
    [row] = ended()
    DeliveryAttempt.objects.create(request=row, number=2, lease=uuid4())
    DeliveryAttempt.objects.create(request=row, number=3, lease=uuid4(), finished_at=timezone.now())
    assert seal() == 2
    DeliveryAttempt.objects.filter(finished_at=None).update(finished_at=timezone.now())
    assert seal() == 2
    assert findings() == []


def test_an_alarm_is_raised_while_nothing_is_sealed(client: Client) -> None:
    ended()
    assert Cause.NOT_SEALED in {found.cause for found in detection.find()}
    assert b"\nunsub_audit_sealed_seconds" not in client.get("/metrics").content
    tasks.seal_audit()
    assert Cause.NOT_SEALED not in {found.cause for found in detection.find()}
    assert b"\nunsub_audit_sealed_seconds" in client.get("/metrics").content


def test_a_request_sent_another_way_is_sealed_with_that_way() -> None:
    [row] = ended(status=Status.REFUSED, outcome="refused", error_code=405)
    seal()
    own = requests(row)
    own.update(status=Status.PENDING, finished_at=None, call_method=CallMethod.UPDATE)
    own.update(status=Status.DONE, outcome="posted", finished_at=timezone.now())
    assert seal() == 1
    assert findings() == []
