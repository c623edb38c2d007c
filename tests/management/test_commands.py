"""sign_link, add_unit and export_audit, as scripts use them."""

import csv
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, MakeSubmission, settle
from unsub.models import BusinessUnit, Status, SubscriberRequest
from unsub.outbox import store
from unsub.reporting.audit_export import COLUMNS
from unsub.units.opening import open_link

pytestmark = pytest.mark.django_db


def run(*arguments: str, **options: Any) -> str:
    """Return a command's output."""
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_sign_link_prints_a_url_that_opens(client: Client, unit: BusinessUnit) -> None:
    arguments = [
        "--mid", "510001", "--subscriber-id", "1001", "--subscriber-key", "sub-1001",
        "--job-id", "88002", "--list-id", "7001", "--batch-id", "0", "--scope", "list",
        "--lang", "en", "--expires-in", "60",
    ]  # fmt: skip
    for sealed in ([], ["--seal"]):
        url = run("sign_link", *arguments, *sealed).strip()
        assert url.startswith("http://localhost:8000/u/")
        assert client.get(url.removeprefix("http://localhost:8000")).status_code == 200
        context = open_link(url.rpartition("/")[2])
        assert (context.mid, context.job.job_id, context.job.batch_id) == (510001, 88002, 0)
        assert (context.subscriber.subscriber_key, context.language) == ("sub-1001", "en")


def test_sign_link_uses_the_only_unit_and_needs_mid_where_there_are_several(
    unit: BusinessUnit,
) -> None:
    url = run("sign_link", "--subscriber-id", "1001", "--job-id", "88002").strip()
    assert open_link(url.rpartition("/")[2]).mid == PARENT
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    with pytest.raises(CommandError, match="--mid is needed"):
        run("sign_link", "--subscriber-id", "1001")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--job-id", "1"], "a subscriber needs"),
        (["--email", "ada@example.com"], "this link would be refused: bad_claim"),
        (["--subscriber-key", "k" * 255], "subscriber_key is"),
        (["--subscriber-id", "1", "--algorithm", "RS256"], "no key"),
    ],
)
def test_sign_link_prints_no_link_that_would_be_refused(
    unit: BusinessUnit, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run("sign_link", "--mid", "510001", *arguments)


def test_add_unit_creates_and_changes_and_is_idempotent(db: None) -> None:
    assert "Created" in run("add_unit", mid=PARENT, name="Example Outfitters")
    more = ["--all-subscribers-list-id", "7000", "--subscriber-key-permission", "off"]
    for _ in range(2):
        assert "Changed" in run("add_unit", "--mid", str(PARENT), *more)
    unit = BusinessUnit.objects.get()
    assert (unit.name, unit.all_subscribers_list_id) == ("Example Outfitters", 7000)
    assert not unit.subscriber_key_permission


@pytest.mark.parametrize("options", [{"mid": 0, "name": "x"}, {"mid": 1}])
def test_add_unit_reports_invalid_values(db: None, options: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match=r"mid|name"):
        run("add_unit", **options)
    assert not BusinessUnit.objects.exists()


def test_the_audit_has_the_documented_columns_in_both_formats(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission(reason="too-many"))
    (from_csv,) = csv.DictReader(io.StringIO(run("export_audit", "--format", "csv")))
    (line,) = run("export_audit", "--format", "jsonl").splitlines()
    from_json = json.loads(line)
    assert list(from_csv) == list(from_json) == list(COLUMNS) == [
        "id", "status", "outcome", "error_code", "attempts", "mid", "job_id", "list_id",
        "batch_id", "scope", "reason", "channel", "received_at", "finished_at", "sfmc_request_id",
        "kind", "about",
    ]  # fmt: skip
    assert from_json["reason"] == from_csv["reason"] == "I get too many emails"
    assert from_json["finished_at"] is None
    assert from_json["batch_id"] == 0
    assert from_csv["mid"] == str(PARENT)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_formulas_in_the_audit_are_escaped(
    unit: BusinessUnit, make_submission: MakeSubmission, sign: str
) -> None:
    store.write(make_submission())
    SubscriberRequest.objects.update(reason_text=f"{sign}1+1")
    (row,) = csv.DictReader(io.StringIO(run("export_audit")))
    assert row["reason"] == f"'{sign}1+1"


def test_the_audit_can_be_filtered(unit: BusinessUnit, make_submission: MakeSubmission) -> None:
    for number in (1001, 1002):
        store.write(make_submission(number))
    settle(SubscriberRequest.objects.filter(subscriber_id=1001), Status.DONE)

    def count(*arguments: str) -> int:
        return len(run("export_audit", "--format", "jsonl", *arguments).splitlines())

    assert count("--status", "done") == 1
    assert count("--mid", str(PARENT)) == 2
    assert count("--mid", str(CHILD)) == 0
    assert count("--since", "2020-01-01") == 2
    assert count("--until", "2020-01-01T12:00Z") == 0
    with pytest.raises(CommandError, match="neither a date"):
        count("--since", "yesterday")


def test_links_signed_with_a_rotated_key_still_open(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    url = run("sign_link", "--subscriber-id", "1001", "--job-id", "88002").strip()
    old = settings.LINK_KEYS["*"]
    settings.LINK_KEYRING = type(settings.LINK_KEYRING).from_json({"*": ["n" * 40, *old]})
    assert client.get(url.removeprefix("http://localhost:8000")).status_code == 200
