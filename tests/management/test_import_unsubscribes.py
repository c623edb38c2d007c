"""manage.py import_unsubscribes."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.helpers import PARENT
from unsub.management.commands import import_unsubscribes
from unsub.models import (
    BusinessUnit,
    ImportPart,
    ImportStatus,
    SubscriberRequest,
    UnsubscribeImport,
)
from unsub.outbox import imports
from unsub.outbox.imports import writing

pytestmark = pytest.mark.django_db


def imported(file: Path, *options: str) -> str:
    """Return what the command printed."""
    out = io.StringIO()
    call_command("import_unsubscribes", file, f"--mid={PARENT}", *options, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path, unit: BusinessUnit) -> Path:
    """A file with a good row and a bad one."""
    path = tmp_path / "in.csv"
    path.write_text("sid,jid\n1001,88002\nx,88002\n")
    return path


def test_a_dry_run_says_what_the_rows_are_and_leaves_nothing(file: Path, tmp_path: Path) -> None:
    errors = tmp_path / "errors.csv"
    text = imported(file, "--dry-run", f"--errors={errors}")
    assert "2 rows (utf-8): SubscriberID in column 1, JobID in column 2" in text
    assert "1 new, 0 already requested\n1 with an error" in text
    assert "3,SubscriberID (column 1),The value is not a whole number." in errors.read_text()
    assert not SubscriberRequest.objects.exists()
    assert not ImportPart.objects.exists()


def test_the_rows_become_requests(file: Path) -> None:
    assert "1 requests made" in imported(file)
    assert SubscriberRequest.objects.get().subscriber_id == 1001


def test_columns_without_names_are_given_by_number(tmp_path: Path, unit: BusinessUnit) -> None:
    path = tmp_path / "in.csv"
    path.write_text("x;1001\ny;1002\n")
    imported(path, "--column=sid=2", "--no-header", "--scope=all")
    assert SubscriberRequest.objects.count() == 2


def test_what_cannot_be_imported_is_refused_and_leaves_no_file(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "bad.csv"
    for content, words in ((b"", "empty"), (b"PK\x03\x04", "a spreadsheet"), (b"a,b\n", "sid=1")):
        path.write_bytes(content)
        with pytest.raises(CommandError, match=words):
            imported(path)
    for options, words in (
        (("--column=sid=9",), "that many columns"),
        (("--column=name=1",), "not a field"),
        (("--user=nobody",), "no user nobody"),
    ):
        with pytest.raises(CommandError, match=words):
            imported(file, *options)
    assert not ImportPart.objects.exists()


@pytest.mark.parametrize("taken", ["checking", "importing"])
def test_a_worker_that_was_faster_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    run = imports.run

    def be_taken(pk: int) -> None:
        """Let a worker have the import before the command."""
        UnsubscribeImport.objects.filter(pk=pk, status=taken, lease=None).update(
            lease="0" * 32, lease_until=timezone.now() + timedelta(minutes=1)
        )
        run(pk)

    def be_done(_seconds: float) -> None:
        """Let that worker do it."""
        UnsubscribeImport.objects.update(lease=None, lease_until=None)
        run(UnsubscribeImport.objects.get().pk)

    monkeypatch.setattr(imports, "run", be_taken)
    monkeypatch.setattr(import_unsubscribes, "sleep", be_done)
    assert "1 requests made\n" in imported(file)
    assert UnsubscribeImport.objects.get().status == ImportStatus.DONE


def test_workers_go_on_where_the_queue_is_full(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PENDING_MAX", 0)
    monkeypatch.setattr(writing, "_WAIT", 0.0)
    assert "the workers go on with it" in imported(file)
    assert UnsubscribeImport.objects.get().status == ImportStatus.IMPORTING
    assert imports.due()
