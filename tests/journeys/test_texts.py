"""A marketer edits a unit's texts, with a live preview."""

from playwright.sync_api import Page, expect

from tests.journeys.deployment import CHILD, Deployment
from tests.journeys.office import sign_in

TEXTS = f"/admin/unsub/businessunit/{CHILD}/texts/"
WRITTEN = "SELECT text FROM unsub_pagetext WHERE unit_id = {mark} AND language = 'de'"


def test_the_preview_follows_the_input_before_it_is_saved(shared: Deployment, desk: Page) -> None:
    page = desk
    sign_in(page, shared, f"{TEXTS}?language=de", name="texts")
    preview = page.frame_locator("iframe[name=preview]")
    expect(preview.get_by_role("heading", name="abmelden")).to_be_visible()
    page.get_by_label("Above the button").fill("Im Winter schreiben wir <selten>.")
    expect(preview.get_by_text("Im Winter schreiben wir <selten>.")).to_be_visible()
    assert shared.query(WRITTEN, CHILD) == []
    page.get_by_label("Confirmation page", exact=True).check()
    expect(preview.get_by_role("heading", name="Sie sind abgemeldet")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Texts saved")).to_be_visible()
    assert shared.query(WRITTEN, CHILD) == [("Im Winter schreiben wir <selten>.",)]
    page.screenshot(path=shared.folder / "texts.png", full_page=True)
