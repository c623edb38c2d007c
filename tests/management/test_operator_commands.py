"""delivery_status, requeue, release, and processing times."""

import io
import json
import re
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from scripts.steps import ROOT
from tests.helpers import CHILD, PARENT, MakeSubmission, queue, rewrite, settle, shown
from unsub.models import BusinessUnit, QueueState, Status, SubscriberRequest
from unsub.outbox import store
from unsub.reporting.latency import late, processing_time, quantile
from unsub.units import queue_state

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """Return a command's output."""
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def rows(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission
) -> list[SubscriberRequest]:
    """Six requests. Of the parent unit two pending, two refused and one done; of the child unit,
    whose queue is held, one pending."""
    states = (Status.PENDING, Status.PENDING, Status.REFUSED, Status.REFUSED, Status.DONE)
    queue_state.hold(child.mid, "credentials refused")
    store.write(make_submission(1001, mid=CHILD, job=88101))
    found = []
    for number, status in enumerate(states, start=1001):
        request, _ = store.write(make_submission(number))
        if status != Status.PENDING:
            code = number - 603 if status == Status.REFUSED else None
            settle(SubscriberRequest.objects.filter(pk=request.pk), status, error_code=code)
        found.append(request)
    return found


def status_of(mid: int = PARENT) -> dict[str, Any]:
    """Return a unit's row of delivery_status."""
    (row,) = [r for r in json.loads(run("delivery_status", "--format", "json")) if r["mid"] == mid]
    return dict(row)


def test_delivery_status_counts_requests(rows: list[SubscriberRequest]) -> None:
    row = status_of()
    assert (row["pending"], row["held"], row["refused"], row["sending"]) == (2, 0, 2, 0)
    assert (row["per_hour"], row["state"], row["late"]) == (1, "open", 0)
    assert row["oldest"] is not None
    assert row["p50"] is not None
    held = status_of(CHILD)
    assert (held["pending"], held["held"]) == (0, 1)
    assert held["state"] == "held: credentials refused"
    assert held["next_probe"]
    text = run("delivery_status")
    assert text.splitlines()[0].startswith("mid")
    assert "Example Outfitters" in text
    assert len(run("delivery_status", "--mid", "1").splitlines()) == 1


def test_delivery_status_says_why_a_queue_is_paused_or_held(rows: list[SubscriberRequest]) -> None:
    QueueState.objects.create(
        unit_id=PARENT, paused_until=Now() + timedelta(minutes=5), paused_reason="maintenance"
    )
    assert status_of()["state"] == "paused: maintenance"
    assert status_of()["next_probe"]
    queue_state.hold(PARENT, "credentials refused")
    assert status_of()["state"] == "held: credentials refused"


def test_delivery_status_shows_requests_of_an_unknown_unit(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission(mid=599_999))
    row = status_of(599_999)
    assert (row["name"], row["state"]) == ("(unknown unit)", "held: unknown unit")
    assert (row["pending"], row["held"]) == (0, 1)


def test_watching_ends_with_ctrl_c() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCH], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout
        heading = watching.stdout.readline()
        # The second time: it is certainly in its loop.
        assert heading in iter(watching.stdout.readline, "")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=60) == 0


WATCH = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["DATABASE_URL"] = "sqlite://:memory:"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("delivery_status", watch=0.1)
"""


def test_a_dry_run_counts_and_changes_nothing(rows: list[SubscriberRequest]) -> None:
    text = run("requeue", "--where", "status=refused", "--dry-run")
    assert "2 would be requeued" in text
    assert SubscriberRequest.objects.filter(status=Status.REFUSED).count() == 2
    assert "1 would be released" in run("release", str(CHILD), "--dry-run")
    assert "0 would be released" in run("release", str(PARENT), "--dry-run")
    assert queue(CHILD).is_held


@pytest.mark.parametrize(
    ("where", "number"),
    [
        (["status=refused"], 2), (["status=refused", "status=held"], 3), (["mid=510001"], 2),
        (["mid=510002"], 1), (["error_code=400"], 1), (["error_code=400", "error_code=401"], 2),
        (["job_id=88101", "status=held"], 1), (["status=pending"], 0), (["status=done"], 0),
    ],
)  # fmt: skip
def test_requeue_selects_by_its_conditions(
    rows: list[SubscriberRequest], where: list[str], number: int
) -> None:
    arguments = [part for condition in where for part in ("--where", condition)]
    SubscriberRequest.objects.update(give_up_at=Now())
    assert f"{number} are pending again" in run("requeue", *arguments)
    assert (
        SubscriberRequest.objects.filter(give_up_at__gt=Now() + timedelta(days=9)).count() == number
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--where", "status"], ["--where", "subscriber_key=x"], ["--where", "mid=all"],
        ["--where", "id=²"],
    ],
)  # fmt: skip
def test_requeue_refuses_invalid_conditions(
    rows: list[SubscriberRequest], arguments: list[str]
) -> None:
    with pytest.raises(CommandError):
        run("requeue", *arguments)
    assert SubscriberRequest.objects.filter(status=Status.REFUSED).count() == 2


def test_requeue_works_in_chunks(
    rows: list[SubscriberRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unsub.management.commands.requeue.CHUNK", 1)
    assert "3 are pending again" in run("requeue", "--all")


def test_release_releases_held_queues(rows: list[SubscriberRequest]) -> None:
    assert "1 are pending again" in run("release", str(CHILD))
    assert not queue(CHILD).is_held
    assert "0 are pending again" in run("release", str(CHILD))
    for mid in (PARENT, CHILD):
        queue_state.hold(mid, "credentials refused")
    assert "3 are pending again" in run("release", "--all")
    assert Status.HELD not in shown()
    for arguments in ([], ["599999"]):
        with pytest.raises(CommandError):
            run("release", *arguments)


def test_quantiles_are_nearest_rank() -> None:
    ordered = [float(n) for n in range(1, 101)]
    assert [quantile(ordered, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert [quantile([7.0], share) for share in (0.01, 0.5, 1.0)] == [7, 7, 7]
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2


def test_processing_time_is_from_receipt_to_confirmation(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    assert processing_time(PARENT).number == 0
    for number, hours in enumerate((1, 2, 3, 50), start=1001):
        at = timezone.now() - timedelta(hours=60)
        request, _ = store.write(make_submission(number, received_at=at))
        settle(
            SubscriberRequest.objects.filter(pk=request.pk),
            Status.DONE,
            finished_at=at + timedelta(hours=hours),
        )
    figure = processing_time(PARENT)
    hour = 3600
    assert figure.number == 4
    assert [figure.p50, figure.p95, figure.longest] == [2 * hour, 50 * hour, 50 * hour]
    assert figure.within == 0.75


def test_open_requests_older_than_48_hours_are_overdue(
    rows: list[SubscriberRequest], client: Client
) -> None:
    assert late(PARENT) == 0
    rewrite(SubscriberRequest.objects.all(), received_at=Now() - timedelta(hours=49))
    assert late(PARENT) == 2
    assert late(CHILD) == 1
    text = client.get("/metrics").content.decode()
    assert 'unsub_late_requests{mid="510001"} 2.0' in text
    assert 'unsub_processing_seconds{mid="510001",quantile="0.95"}' in text
    assert 'unsub_processed_within_48h_ratio{mid="510001"}' in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("export_audit", "--since", "2026-02-30"), ("export_audit", "--mid", "9" * 20),
        ("requeue", "--where", f"id={'9' * 20}"), ("delivery_status", "--watch", "-1"),
        ("add_user", "a@example.com", "--mid", "9" * 20), ("sandbox", "--port", "65536"),
        ("import_unsubscribes", "a.csv", "--mid", "9" * 20),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_in_words(db: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=re.escape(arguments[-1])):
        run(*arguments)


def test_a_date_that_is_none_is_refused_without_a_traceback() -> None:
    command = [sys.executable, "manage.py", "export_audit", "--since", "yesterday"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)  # noqa: PLW1510
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("or a time such as 2026-01-31T12:00Z")
    assert "Traceback" not in done.stderr
