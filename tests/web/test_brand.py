"""A unit's brand: logo, domain, texts and labels per language, with a preview."""

import io
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, FORM, PARENT, link, seen, sign_in
from unsub.domain import logo_image
from unsub.models import BusinessUnit, DarkLogo, Logo, MailingList, PageText, Reason, ReasonLabel

pytestmark = pytest.mark.django_db(transaction=True)
CHANGE = f"/admin/unsub/businessunit/{PARENT}/change/"
CHANGE_CHILD = f"/admin/unsub/businessunit/{CHILD}/change/"
TEXTS = f"/admin/unsub/businessunit/{PARENT}/texts/"
PREVIEW = f"/admin/preview/{PARENT}/"


def picture(kind: str = "PNG", size: tuple[int, int] = (600, 200), **options: Any) -> bytes:
    """Return an image file to upload."""
    written = io.BytesIO()
    Image.new("RGB", size, "#8b1e3f").save(written, kind, **options)
    return written.getvalue()


def unit_form(**more: Any) -> dict[str, Any]:
    """Return what the admin's form of a unit submits."""
    given = {
        "name": "Example Outfitters", "language": "en", "subscriber_key_permission": "on",
        "profile_days": "90", "pause_end_action": "ask", "address_guard": "told",
        "address_undo_days": "14", "address_hold_hours": "72",
        "unsubscribe_reach": "enterprise",
    }  # fmt: skip
    return given | more


def upload(client: Client, data: bytes, name: str = "logo.png") -> str:
    """Return the admin's page after the upload of a logo."""
    answer = client.post(
        CHANGE, unit_form(new_logo=SimpleUploadedFile(name, data, "image/png")), follow=True
    )
    return seen(answer.content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_is_encoded_again_and_shown(
    admin_client: Client, client: Client, unit: BusinessUnit, settings: Settings, kind: str
) -> None:
    upload(admin_client, picture(kind))
    logo = Logo.objects.get()
    assert (logo.width, logo.height) == (192, 64)
    html = client.get(link(settings)).content.decode()
    assert f'src="/brand/{logo.content_digest}.webp"' in html
    assert 'alt="Example Outfitters"' in html
    answer = client.get(f"/brand/{logo.content_digest}.webp")
    assert answer["Content-Type"] == "image/webp"
    assert "immutable" in answer["Cache-Control"]
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (384, 128))
    admin_client.post(CHANGE, unit_form(remove_logo="on"))
    assert client.get(f"/brand/{logo.content_digest}.webp").status_code == 404


def test_a_logo_for_the_dark_scheme_takes_the_place_of_the_white_ground(
    admin_client: Client, client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    upload(admin_client, picture())
    assert 'class="plate"' in client.get(link(settings)).content.decode()
    file = SimpleUploadedFile("dark.png", picture(size=(300, 300)), "image/png")
    admin_client.post(CHANGE, unit_form(new_dark_logo=file))
    digest = DarkLogo.objects.get().content_digest
    html = client.get(link(settings)).content.decode()
    assert f'<source srcset="/brand/{digest}.webp" width="64" height="64"' in html
    assert 'media="screen and (prefers-color-scheme:dark)"' in html
    assert 'class="plate"' not in html
    # On paper, which is white, the other one, whatever scheme the screen has.
    light = Logo.objects.get().content_digest
    assert f'<img class="paper" src="/brand/{light}.webp"' in html
    assert client.get(f"/brand/{digest}.webp").status_code == 200
    admin_client.post(CHANGE, unit_form(remove_dark_logo="on"))
    assert client.get(f"/brand/{digest}.webp").status_code == 404
    assert Logo.objects.exists()


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc", "CET+1"])
def test_a_time_zone_that_there_is_not_is_refused(
    admin_client: Client, unit: BusinessUnit, zone: str
) -> None:
    answer = admin_client.post(CHANGE, unit_form(time_zone=zone))
    assert "Enter a time zone" in seen(answer.content)
    unit.refresh_from_db()
    assert unit.time_zone == "UTC"


def test_two_units_may_have_the_same_logo(
    admin_client: Client, client: Client, unit: BusinessUnit, child: BusinessUnit
) -> None:
    upload(admin_client, picture())
    file = SimpleUploadedFile("logo.png", picture(), "image/png")
    answer = admin_client.post(CHANGE_CHILD, unit_form(new_logo=file))
    assert answer.status_code == 302
    (digest,) = {logo.content_digest for logo in Logo.objects.all()}
    assert Logo.objects.count() == 2
    admin_client.post(CHANGE, unit_form(remove_logo="on"))
    assert client.get(f"/brand/{digest}.webp").status_code == 200


def test_metadata_of_a_logo_is_removed() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret words"
    encoded = logo_image.encode(
        picture("JPEG", exif=exif.tobytes()) + b"<script>secret words</script>"
    )
    assert b"secret words" not in encoded.image


def bomb() -> bytes:
    """Return a PNG of a few kilobytes that declares 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    size = (60_000).to_bytes(4, "big") * 2
    header = chunk(b"IHDR", size + bytes([8, 0, 0, 0, 0]))
    rows = chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='x'><script>alert(1)</script></svg>", "no PNG, JPEG, WebP or GIF"),
        (b"%PDF-1.7", "no PNG, JPEG, WebP or GIF"),
        (picture()[:200], "no PNG, JPEG, WebP or GIF"),
        (bomb(), "no PNG, JPEG, WebP or GIF"),
        (picture(size=(4001, 10)), "larger than 4000 pixels"),
        (b"\x89PNG" + bytes(2_200_000), "Choose a file of up to 2 MB"),
        (b"\x89PNG" + bytes(6_000_000), "Choose a file of up to 2 MB"),
    ],
    ids=["svg", "pdf", "damaged", "bomb", "wide", "large", "huge"],
)
def test_an_unsuitable_logo_is_refused_with_the_reason(
    admin_client: Client, unit: BusinessUnit, data: bytes, words: str
) -> None:
    assert words in upload(admin_client, data)
    assert not Logo.objects.exists()


def test_pages_on_a_unit_s_own_domain_show_its_brand(
    unit: BusinessUnit, settings: Settings, capsys: pytest.CaptureFixture[str], client: Client
) -> None:
    settings.ALLOWED_HOSTS = ["mail.example.net", "testserver"]
    settings.PUBLIC_URL = "http://localhost:9000"
    unit.domain = "mail.example.net"
    unit.full_clean()
    unit.save()
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    assert unit.url == "http://mail.example.net:9000"
    for host, brand in (("mail.example.net", True), ("testserver", False)):
        words = seen(client.get("/u/cut", headers={"host": host}).content)
        assert ("Example Outfitters" in words) is brand
    assert client.get("/u/cut", headers={"host": "evil.example.org"}).status_code == 400


@pytest.mark.parametrize(
    ("domain", "words"),
    [("other.example.net", "ALLOWED_HOSTS"), ("https://x", "host name"), ("A.b", "host name")],
)
def test_a_domain_that_this_deployment_does_not_serve_is_refused(
    admin_client: Client, unit: BusinessUnit, domain: str, words: str
) -> None:
    answer = admin_client.post(CHANGE, unit_form(domain=domain))
    assert words in seen(answer.content)
    unit.refresh_from_db()
    assert unit.domain == ""


def test_texts_show_in_their_language_only_and_the_footer_in_every_language(
    admin_client: Client, client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    given = {
        "intro": "We are sorry.", "question": "Tell us why", "done": "Farewell.",
        "footer": "1 Example Street\n<b>Town</b>",
    }  # fmt: skip
    answer = admin_client.post(f"{TEXTS}?language=en", given, follow=True)
    assert "live now" in seen(answer.content)
    path = link(settings)
    english = client.get(path).content.decode()
    for words in ("We are sorry.", "Tell us why", "1 Example Street<br>&lt;b&gt;Town&lt;/b&gt;"):
        assert words in english
    german = client.get(f"{path}?lang=de").content.decode()
    assert "We are sorry." not in german
    assert "Warum melden Sie sich ab?" in german
    assert "1 Example Street" in german
    client.post(path, FORM)
    assert "Farewell." in seen(client.get(f"{path}/done").content)
    assert "1 Example Street" in seen(client.get("/u/cut").content)
    admin_client.post(f"{TEXTS}?language=en", {})
    assert not PageText.objects.exists()


LEGAL, PRIVACY = "https://example.com/legal", "https://example.com/privacy"


def test_every_page_links_to_the_legal_notice_and_the_privacy_policy_in_its_language(
    admin_client: Client, client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    assert "Legal notice" not in seen(client.get(path).content)
    admin_client.post(CHANGE, unit_form(legal_url=LEGAL, privacy_url=PRIVACY))
    client.post(path, FORM)
    for page in (path, f"{path}/done", "/u/cut"):
        shown = client.get(page).content.decode()
        assert f'<a href="{LEGAL}">Legal notice</a> · <a href="{PRIVACY}">Privacy</a>' in shown
    german = client.get(f"{path}?lang=de").content.decode()
    assert f'<a href="{LEGAL}">Impressum</a> · <a href="{PRIVACY}">Datenschutz</a>' in german
    admin_client.post(CHANGE, unit_form(privacy_url=PRIVACY))
    only = client.get(path).content.decode()
    assert f'<p><a href="{PRIVACY}">Privacy</a></p>' in only


@pytest.mark.parametrize(
    "url", ["http://example.com/legal", "javascript:alert(1)", "https://ada@example.com/", "legal"]
)
def test_a_link_at_the_foot_is_https_and_names_no_user(
    admin_client: Client, unit: BusinessUnit, url: str
) -> None:
    answer = admin_client.post(CHANGE, unit_form(legal_url=url))
    assert answer.status_code == 200
    unit.refresh_from_db()
    assert unit.legal_url == ""


def test_a_text_that_is_too_long_is_reported_and_kept_in_the_form(
    admin_client: Client, unit: BusinessUnit
) -> None:
    answer = admin_client.post(TEXTS, {"intro": "long " * 100})
    assert "at most 400 characters" in seen(answer.content)
    assert b"long long long" in answer.content
    assert not PageText.objects.exists()


def test_a_reason_is_translated_on_the_page_and_sent_with_its_own_label(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    reason = Reason.objects.create(unit=unit, code="season", label="Wrong season")
    ReasonLabel.objects.create(reason=reason, language="de", label="Falsche Jahreszeit")
    path = link(settings)
    assert "Falsche Jahreszeit" in seen(client.get(f"{path}?lang=de").content)
    assert "Wrong season" in seen(client.get(f"{path}?lang=fr").content)
    client.post(f"{path}?lang=de", FORM | {"reason": "season"})
    assert unit.requests.get().reason_text == "Wrong season"


@pytest.mark.parametrize(
    ("which", "words"),
    [("choose", "Bevor Sie gehen"), ("done", "Bis bald"), ("lost", "Musterstraße"),
     ("centre", "Mit einem Haken willigen Sie ein"), ("centre", "Weekly offers")],
)  # fmt: skip
def test_the_preview_shows_unsaved_texts_and_cannot_submit(
    admin_client: Client, unit: BusinessUnit, which: str, words: str
) -> None:
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    drafted = {
        "intro": "Bevor Sie gehen", "done": "Bis bald", "footer": "Musterstraße",
        "consent": "Mit einem Haken willigen Sie ein",
    }  # fmt: skip
    answer = admin_client.post(PREVIEW, drafted | {"language": "de", "page": which})
    assert words in seen(answer.content)
    policy = answer["Content-Security-Policy"]
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert not PageText.objects.exists()


def test_the_preview_of_the_page_after_the_button_has_the_question_and_the_reasons(
    admin_client: Client, unit: BusinessUnit
) -> None:
    drafted = {"question": "Was war der Grund?", "language": "de", "page": "done"}
    words = seen(admin_client.post(PREVIEW, drafted).content)
    for text in ("Sie sind abgemeldet", "Was war der Grund?", "Ich erhalte zu viele E\u2011Mails"):
        assert text in words


def test_users_without_the_right_see_no_preview_and_edit_no_texts(
    client: Client, unit: BusinessUnit, django_user_model: Any
) -> None:
    assert client.post(PREVIEW).status_code == 302
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    sign_in(client, viewer)
    assert client.post(PREVIEW).status_code == 404
    unit.members.add(viewer)
    assert client.post(PREVIEW).status_code == 403
    assert client.get(TEXTS).status_code in {403, 404}
    assert client.post(TEXTS, {"intro": "mine"}).status_code in {403, 404}
    assert not PageText.objects.exists()
