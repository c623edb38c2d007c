"""The admin's pages of imports."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from tests.helpers import PARENT, person, rotate_digest_key, seen
from unsub import tasks
from unsub.domain.digest_keys import DigestKeyring
from unsub.models import BusinessUnit, SubscriberRequest, UnsubscribeImport

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/unsubscribeimport/"
ADD = f"{LIST}add/"
FILE = b"SubscriberKey;JobID;Comment\nada-1;88002;=1+1\nbob-2;x;\n"
NO_KEY = "The file can’t be read: the key that encrypted it isn’t in DIGEST_KEYS."
CHOICES = {"check": "1", "encoding": "utf-8", "delimiter": ";", "has_header": "on",
           "scope": "list", "column_sk": "0", "column_jid": "1"}  # fmt: skip


def upload(client: Client, content: bytes = FILE, mid: int = PARENT) -> str:
    """Upload a file. Return the URL of its page."""
    file = SimpleUploadedFile("unsubscribes of ada.csv", content)
    answer = client.post(ADD, {"unit": mid, "file": file})
    assert answer.status_code == 302, seen(answer.content)
    return answer["Location"]


def run() -> None:
    """Let a worker do what there is."""
    tasks.run_import(UnsubscribeImport.objects.latest("pk").pk)


def test_a_file_is_previewed_checked_and_imported(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    page = upload(client)
    html = client.get(page).content.decode()
    assert "ada-1" in html
    assert '<option value="0" selected>SubscriberKey (column 1)</option>' in html
    client.post(page, CHOICES)
    run()
    text = seen(client.get(page).content)
    assert "Rows 2 Would be new requests 1" in text
    assert "Rows with an error 1" in text
    assert not SubscriberRequest.objects.exists()
    client.post(page, {"start": "1"})
    run()
    assert "imported Rows 2 New requests 1" in seen(client.get(page).content)
    assert SubscriberRequest.objects.get().subscriber_key == "ada-1"
    assert [one.change_message for one in LogEntry.objects.order_by("pk")] == [
        "Uploaded.", "Started.",
    ]  # fmt: skip
    job = UnsubscribeImport.objects.get()
    assert job.started_by == job.created_by
    assert job.started_by is not None
    assert "Imports" in seen(client.get(LIST).content)


def test_the_errors_are_a_file_without_values_of_the_rows(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    page = upload(client)
    client.post(page, CHOICES)
    run()
    answer = client.get(f"{LIST}{UnsubscribeImport.objects.get().pk}/errors/")
    assert answer["Content-Disposition"].endswith('-errors.csv"')
    assert answer.getvalue().decode().splitlines() == [
        "line,column,error",
        "3,JobID (column 2),The value is not a whole number.",
    ]


def test_wrong_files_and_choices_are_told(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    for content, words in (
        (b"", "The file is empty."),
        (b"PK\x03\x04", "This is a spreadsheet, not a CSV file."),
        (b"sid\n" + b"1\n" * 2_000_000, "The file is larger than 2.5 MB."),
    ):
        file = SimpleUploadedFile("x.csv", content)
        answer = client.post(ADD, {"unit": PARENT, "file": file})
        assert words in seen(answer.content)
    page = upload(client)
    assert "Choose a column for the SubscriberID" in seen(
        client.post(page, CHOICES | {"column_sk": ""}).content
    )
    assert client.post(page, CHOICES | {"column_jid": "99"}).status_code == 200


def test_a_cancelled_import_has_no_file(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    page = upload(client)
    text = seen(client.post(page, {"cancel": "1"}, follow=True).content)
    assert "The import is cancelled, its file deleted." in text
    assert not UnsubscribeImport.objects.get().parts.exists()


@pytest.mark.parametrize("status", ["uploaded", "checking", "checked", "importing"])
def test_an_import_whose_key_was_removed_opens_says_so_and_can_be_cancelled(
    unit: BusinessUnit, settings: Settings, status: str
) -> None:
    client = person("marketer", unit)
    page = upload(client)
    UnsubscribeImport.objects.update(status=status, rows=1, accepted=1)
    assert NO_KEY not in seen(client.get(page).content)
    before = settings.DIGEST_KEYRING
    rotate_digest_key(settings)
    settings.DIGEST_KEYRING = DigestKeyring(keys=settings.DIGEST_KEYRING.keys[:1])
    shown = client.get(page)
    assert NO_KEY in seen(shown.content)
    for button in ("start", "check"):
        assert f'name="{button}"' not in shown.content.decode()
        assert client.post(page, CHOICES if button == "check" else {button: "1"}).status_code == 302
    with capture_logs() as lines:
        run()
    told = [one["event"] for one in lines if one["log_level"] == "error"]
    assert told == (["import_unreadable"] if status in {"checking", "importing"} else [])
    assert UnsubscribeImport.objects.get().status == status
    settings.DIGEST_KEYRING = before
    assert NO_KEY not in seen(client.get(page).content)
    rotate_digest_key(settings)
    settings.DIGEST_KEYRING = DigestKeyring(keys=settings.DIGEST_KEYRING.keys[:1])
    client.post(page, {"cancel": "1"})
    assert "cancelled" in seen(client.get(page).content)


def test_users_import_into_their_own_units_with_the_right_to_do_so(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    mine, others = person("marketer", unit), person("administrator")
    page = upload(others, mid=child.mid)
    assert mine.get(page).status_code == 403
    assert mine.get(f"{page.replace('change', 'errors')}").status_code == 403
    assert mine.post(page, CHOICES).status_code == 403
    file = SimpleUploadedFile("x.csv", FILE)
    answer = mine.post(ADD, {"unit": child.mid, "file": file})
    assert answer.status_code == 200
    assert f"#{UnsubscribeImport.objects.get().pk}" not in seen(mine.get(LIST).content)


def test_without_the_right_nothing_can_be_imported_and_no_row_is_seen(unit: BusinessUnit) -> None:
    page = upload(person("marketer", unit))
    viewer = person("viewer", unit)
    assert viewer.get(ADD).status_code == 403
    assert viewer.post(page, CHOICES).status_code == 403
    assert viewer.post(page, {"start": "1"}).status_code == 403
    assert "ada-1" not in viewer.get(page).content.decode()


def test_a_row_that_is_taken_for_names_is_shown_to_nobody_who_may_not_see_it(
    unit: BusinessUnit,
) -> None:
    content = b"ada-1;88002;JobID\nbob-2;88003;x\n"
    page = upload(person("administrator"), content)
    other = person("viewer", unit)
    User.objects.latest("pk").user_permissions.add(
        Permission.objects.get(codename="import_unsubscribes")
    )
    other.post(page, CHOICES)
    assert UnsubscribeImport.objects.get().has_header
    html = other.get(page).content.decode()
    assert "ada-1" not in html
    assert "JobID (column 3)" in html


def test_a_second_press_is_no_second_start(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    page = upload(client)
    client.post(page, {"start": "1"})
    client.post(page, CHOICES)
    run()
    for _ in range(2):
        client.post(page, {"start": "1"})
    run()
    client.post(page, {"start": "1"})
    assert [one.change_message for one in LogEntry.objects.order_by("pk")] == [
        "Uploaded.", "Started.",
    ]  # fmt: skip


def test_no_log_line_has_a_value_of_the_file(
    unit: BusinessUnit, caplog: pytest.LogCaptureFixture
) -> None:
    client = person("marketer", unit)
    page = upload(client)
    client.post(page, CHOICES)
    run()
    client.post(page, {"start": "1"})
    run()
    assert "import_finished" in caplog.text
    # With what follows in the file: the lines have ids of random hexadecimal digits.
    for word in ("ada-1", "of ada", "bob-2"):
        assert word not in caplog.text
