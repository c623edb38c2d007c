"""The unit's form: settings of the profile centre, and who may change them."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from tests.helpers import CHILD, PARENT, person, seen
from unsub.admin import formatting, unit_sections
from unsub.admin.unit_form import UnitForm
from unsub.models import BusinessUnit, ImportState, Logo, MailingList, PageText
from unsub.units import queue_state

pytestmark = pytest.mark.django_db
UNIT = f"/admin/unsub/businessunit/{PARENT}/change/"
PREVIEW = f"/admin/preview/{PARENT}/"
LANGUAGES = f"/admin/unsub/businessunit/{PARENT}/languages/"
TEXTS = f"/admin/unsub/businessunit/{PARENT}/texts/"
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
    answer = client.post(UNIT, GIVEN | changes)
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


def test_each_field_is_in_one_section_and_says_what_it_is_for(
    admin_client: Client, unit: BusinessUnit
) -> None:
    names = [name for one in unit_sections.SECTIONS for name in (*one.fields, *one.advanced)]
    assert len(names) == len(set(names))
    form = admin_client.get(UNIT).context["adminform"].form
    assert set(form.fields) <= set(names)
    editable = {field.name for field in BusinessUnit._meta.get_fields() if field.editable}
    assert {one for one in editable if hasattr(BusinessUnit, one)} - {"mid"} <= {*names}
    explained = {"remove_logo", "remove_dark_logo"}
    for name, field in form.fields.items():
        assert field.label, name
        assert field.help_text or name in explained, name


def test_language_and_time_zone_are_chosen_and_a_stored_one_stays(
    admin_client: Client, unit: BusinessUnit
) -> None:
    html = admin_client.get(UNIT).content.decode()
    assert '<option value="pt-br">Português (Brasil)</option>' in html
    assert '<optgroup label="Europe">' in html
    assert '<option value="UTC" selected>' in html
    BusinessUnit.objects.update(language="da")
    assert save(admin_client, unit, language="da", time_zone="Europe/Oslo").status_code == 302
    assert (unit.language, unit.time_zone) == ("da", "Europe/Oslo")
    assert "Choose a language" in seen(save(admin_client, unit, language="xx").content)


def test_an_error_is_counted_on_the_tab_of_its_section(
    admin_client: Client, unit: BusinessUnit
) -> None:
    html = save(admin_client, unit, legal_url="http://example.com", domain="A.b").content.decode()
    assert "2 errors" in seen(html.encode())
    assert html.count("data-errors") == 1
    assert '<details class="unsub-advanced" open>' in html


def test_the_checklist_says_what_is_missing_and_where_it_is_done(
    admin_client: Client, unit: BusinessUnit
) -> None:
    html = admin_client.get(UNIT).content.decode()
    words = seen(html.encode())
    assert "What is still missing" in words
    for text, url in (
        ("Upload a logo.", f"{UNIT}#id_new_logo"),
        ("Enter the URL of your legal notice.", f"{UNIT}#id_legal_url"),
        ("The All Subscribers list isn’t known.", f"{UNIT}#lists"),
        ("No one-click unsubscribe has arrived yet.", "/admin/unsub/businessunit/links/"),
    ):
        assert text in words
        assert f'href="{url}"' in html
    assert "DatabaseDefault" not in html
    save(
        admin_client, unit, legal_url="https://example.com/l", privacy_url="https://example.com/p",
        contact_email="post@example.com", all_subscribers_list_id="7000",
    )  # fmt: skip
    after = seen(admin_client.get(UNIT).content)
    assert "legal notice." not in after
    assert "isn’t known" not in after


def test_the_list_of_units_says_what_each_lacks_at_a_constant_cost(
    admin_client: Client, unit: BusinessUnit
) -> None:
    there = "/admin/unsub/businessunit/"
    queue_state.hold(PARENT, "credentials refused")
    admin_client.get(there)
    numbers = []
    for more in (0, 12):
        for number in range(more):
            BusinessUnit.objects.create(mid=600_000 + number, name=f"Unit {number}")
            queue_state.hold(600_000 + number, "credentials refused")
        with CaptureQueriesContext(connection) as queries:
            words = seen(admin_client.get(there).content)
        assert words.count("things missing") == more + 1
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]


def test_a_marketer_is_told_of_their_own_unit_alone(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    client = person("marketer", unit)
    assert seen(client.get("/admin/unsub/businessunit/").content).count("things missing") == 1
    assert client.get(f"/admin/unsub/businessunit/{CHILD}/change/").status_code == 403
    assert client.post(f"/admin/preview/{CHILD}/", {"draft": "unit"}).status_code == 404


def test_the_preview_shows_unsaved_settings_and_keeps_the_texts(
    admin_client: Client, unit: BusinessUnit
) -> None:
    PageText.objects.create(unit=unit, language="en", place="intro", text="Sorry to see you go.")
    drafted = GIVEN | {
        "draft": "unit", "name": "Example Explorers", "accent": "#14694a",
        "contact_email": "help@example.com", "legal_url": "https://example.com/legal",
        "reasons_asked": "after",
    }  # fmt: skip
    page = admin_client.post(PREVIEW, drafted)
    words = seen(page.content)
    for text in ("Example Explorers", "help@example.com", "Legal notice", "Sorry to see you go."):
        assert text in words
    assert "#14694a" in page.content.decode()
    assert "Why are you unsubscribing?" not in words
    below = admin_client.post(PREVIEW, drafted | {"reasons_asked": "below"})
    assert "Why are you unsubscribing?" in seen(below.content)
    german = admin_client.post(PREVIEW, drafted | {"preview_language": "de"})
    assert "Impressum" in seen(german.content)
    for wrong in ({"accent": "red"}, {"legal_url": "javascript:alert(1)"}, {"time_zone": "x"}):
        page = admin_client.post(PREVIEW, drafted | wrong)
        assert page.status_code == 200
        assert "javascript" not in page.content.decode()
    unit.refresh_from_db()
    assert (unit.name, unit.accent) == ("Example Outfitters", "")


def test_the_preview_shows_a_logo_that_is_not_uploaded_yet(
    admin_client: Client, unit: BusinessUnit
) -> None:
    written = io.BytesIO()
    Image.new("RGB", (300, 100), "#8b1e3f").save(written, "PNG")
    for data, is_shown in ((written.getvalue(), True), (b"no image", False)):
        file = SimpleUploadedFile("logo.png", data, "image/png")
        page = admin_client.post(PREVIEW, GIVEN | {"draft": "unit", "new_logo": file})
        assert ('src="data:image/webp;base64,' in page.content.decode()) is is_shown
    assert not Logo.objects.exists()


def test_a_marketers_preview_takes_no_technical_settings(unit: BusinessUnit) -> None:
    drafted = GIVEN | {"draft": "unit", "profile_centre": "on", "new_link_key": "mine"}
    client = person("marketer", unit)
    assert "Get fewer emails instead" not in seen(client.post(PREVIEW, drafted).content)
    operator = person("operator", unit)
    assert "Get fewer emails instead" in seen(operator.post(PREVIEW, drafted).content)


def test_the_texts_of_all_languages_are_in_one_table(
    admin_client: Client, unit: BusinessUnit
) -> None:
    admin_client.post(f"{TEXTS}?language=de", {"intro": "Schade."})
    admin_client.post(f"{TEXTS}?language=en", {"intro": "Sorry.", "consent": "You agree."})
    html = admin_client.get(LANGUAGES).content.decode()
    for label in (
        "English, Above the button: Own text",
        "Deutsch, Above the button: Check: older than the default language",
        "Deutsch, Consent text: Missing",
        "Français, Reason question: Default text",
        "Français, Above the button: Missing",
    ):
        assert f'aria-label="{label}"' in html
    # A text that did not change keeps its time, so that what is older stays so.
    PageText.objects.update(changed_at=F("changed_at") - timedelta(days=1))
    admin_client.post(f"{TEXTS}?language=en", {"intro": "Sorry.", "consent": "You all agree."})
    changed = dict(PageText.objects.filter(language="en").values_list("place", "changed_at"))
    assert changed["consent"] - changed["intro"] > timedelta(hours=23)
    PageText.objects.filter(place="consent").update(standard_digest="of another")
    html = admin_client.get(LANGUAGES).content.decode()
    assert 'aria-label="English, Consent text: Check: default text changed"' in html


def test_texts_are_copied_into_empty_fields_and_not_saved(
    admin_client: Client, unit: BusinessUnit
) -> None:
    for language, place, text in (
        ("en", "intro", "Sorry."), ("en", "done", "Farewell."), ("de", "intro", "Schade."),
    ):  # fmt: skip
        PageText.objects.create(unit=unit, language=language, place=place, text=text)
    html = admin_client.get(f"{TEXTS}?language=de&copy_from=en").content.decode()
    assert "Copied from English into the empty fields, and not saved yet." in seen(html.encode())
    assert "Schade.</textarea>" in html
    assert "Farewell.</textarea>" in html
    assert "Sorry." not in html
    assert not PageText.objects.filter(language="de", place="done").exists()


def test_the_editor_shows_the_default_text_in_its_language(
    admin_client: Client, unit: BusinessUnit
) -> None:
    html = admin_client.get(f"{TEXTS}?language=de").content.decode()
    assert 'placeholder="Warum melden Sie sich ab?"' in html
    assert "von Example Outfitters" in html
