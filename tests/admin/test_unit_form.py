"""The unit's form: settings of the profile centre, and who may change them."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.helpers import PARENT, person, seen
from unsub.admin import formatting
from unsub.admin.unit_form import UnitForm
from unsub.models import BusinessUnit, ImportState, MailingList, PageText

pytestmark = pytest.mark.django_db
UNIT = f"/admin/unsub/businessunit/{PARENT}/change/"
INLINE = {
    f"mailing_lists-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")
} | {"mailing_lists-MAX_NUM_FORMS": "9"}
GIVEN = {
    "name": "Example Outfitters",
    "language": "en",
    "profile_days": "90",
    "address_guard": "told",
    "address_undo_days": "14",
    "address_hold_hours": "72",
    "pause_end_action": "ask",
    "unsubscribe_reach": "enterprise",
}
TECHNICAL = (
    "profile_centre", "confirm_key", "confirm_address_key", "address_notice_key", "new_link_key",
    "ask_back_key",
)  # fmt: skip
OWN = (
    "profile_days", "profile_details", "unicode_attributes", "pause_offered", "pause_end_action",
    "protects_details", "address_guard", "address_undo_days", "address_hold_hours",
)  # fmt: skip


def save(client: Client, unit: BusinessUnit, **changes: str) -> Any:
    """Submit the unit's form."""
    answer = client.post(UNIT, GIVEN | INLINE | changes)
    unit.refresh_from_db()
    return answer


def test_an_operator_edits_all_settings_and_a_marketer_only_some(unit: BusinessUnit) -> None:
    for group, shown in (("operator", (*TECHNICAL, *OWN)), ("marketer", OWN)):
        html = person(group, unit).get(UNIT).content.decode()
        assert "Preference center" in seen(html.encode())
        for name in (*TECHNICAL, *OWN):
            assert (f'name="{name}"' in html) is (name in shown), (group, name)


def test_a_marketer_cannot_submit_technical_settings(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    save(client, unit, profile_centre="on", new_link_key="mine", profile_days="30")
    assert unit.profile_days == 30
    assert not unit.profile_centre
    assert unit.new_link_key == ""


def test_a_pause_that_ends_by_asking_needs_the_email_to_ask_by(
    admin_client: Client, unit: BusinessUnit
) -> None:
    answer = save(admin_client, unit, pause_offered="on")
    assert "Enter the “pause ended” email" in seen(answer.content)
    assert not unit.pause_offered
    save(admin_client, unit, pause_offered="on", pause_end_action="put_back")
    assert (unit.pause_offered, unit.pause_end_action) == (True, "put_back")
    save(admin_client, unit, pause_offered="on", ask_back_key="come-back")
    assert (unit.pause_offered, unit.ask_back_key) == (True, "come-back")


def test_a_marketer_is_told_that_an_operator_enters_the_key(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    assert "Enter the “pause ended” email" in seen(save(client, unit, pause_offered="on").content)
    BusinessUnit.objects.update(ask_back_key="come-back")
    assert save(client, unit, pause_offered="on").status_code == 302
    assert unit.pause_offered


def test_saving_the_form_keeps_what_a_worker_imported_meanwhile(
    admin_client: Client, unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ImportState.objects.create(unit=unit, error="AuthError")
    shown = seen(admin_client.get(UNIT).content)
    assert "AuthError" in shown
    now = timezone.now()
    form_save = UnitForm.save

    def save_late(form: UnitForm, commit: bool = True) -> Any:
        """Save after a worker that wrote while the unit was already read."""
        ImportState.objects.update(imported_upto=now, error="")
        return form_save(form, commit)

    monkeypatch.setattr(UnitForm, "save", save_late)
    assert save(admin_client, unit, name="Example Shop").status_code == 302
    state.refresh_from_db()
    assert (unit.name, state.imported_upto, state.error) == ("Example Shop", now, "")
    html = admin_client.get(UNIT).content.decode()
    assert "AuthError" not in html
    assert formatting.moment(now) in html
    assert not any(f'name="{name}"' in html for name in ("imported_upto", "import_error", "error"))


@pytest.mark.parametrize("named", [0, 1, 3])
def test_the_preview_shows_an_unsaved_consent_text(
    admin_client: Client, unit: BusinessUnit, named: int
) -> None:
    for number in range(named):
        MailingList.objects.create(unit=unit, list_id=number + 1, name=f"List {number}")
    html = admin_client.get(f"/admin/unsub/businessunit/{PARENT}/texts/").content.decode()
    assert 'name="consent"' in html
    assert 'value="centre"' in html
    drafted = {"language": "en", "page": "centre", "consent": "You agree to <b>our</b> mail."}
    page = admin_client.post(f"/admin/preview/{PARENT}/", drafted)
    assert "You agree to &lt;b&gt;our&lt;/b&gt; mail." in page.content.decode()
    boxes = page.content.decode().count('name="keep"')
    assert boxes == max(named, 2)
    assert page.content.decode().count(" checked") == boxes - 1
    assert not PageText.objects.exists()


def test_a_unit_whose_queue_and_import_have_no_state_shows_none(
    admin_client: Client, unit: BusinessUnit
) -> None:
    shown = seen(admin_client.get(UNIT).content)
    assert "DatabaseDefault" not in shown


@pytest.mark.parametrize("model", ["send", "pause", "subscriberrequest"])
def test_a_list_without_a_total_offers_the_number_of_rows(
    admin_client: Client, unit: BusinessUnit, model: str
) -> None:
    shown = admin_client.get(f"/admin/unsub/{model}/").content.decode()
    assert "Rows per page" in shown
    assert "?per_page=25" in shown
