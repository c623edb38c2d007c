"""A marketer sets up their business unit: checklist, form with the page beside it, lists, texts."""

from playwright.sync_api import Page, expect

from tests.journeys.deployment import CHILD, KIDS, KIDS_JOB, Deployment
from tests.journeys.office import sign_in
from tests.journeys.rules import violations
from unsub.domain.context import JobContext

UNIT = f"/admin/unsub/businessunit/{CHILD}/"
LEGAL = "https://example.com/legal"
CLUB = "Barnens klubb"
TABS = (
    "Brand and page", "Languages", "Mailing lists", "Preferences", "Privacy", "Connection", "Team",
)  # fmt: skip


def test_a_marketer_works_through_the_checklist_and_sees_the_page_follow(
    shared: Deployment, desk: Page
) -> None:
    sign_in(desk, shared, f"{UNIT}change/", name="setter", group="marketer", unit=CHILD)
    preview = desk.frame_locator("iframe[name=preview]")
    expect(preview.get_by_role("button", name="Unsubscribe", exact=True)).to_be_visible()
    # Each line of the checklist leads to where it is done, in whichever section that is.
    desk.get_by_role("tab", name="Team").click()
    desk.get_by_role("link", name="Enter the URL of your legal notice.").click()
    expect(desk.get_by_role("tab", name="Brand and page")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(desk.get_by_label("Legal notice")).to_be_focused()
    desk.get_by_label("Legal notice").fill(LEGAL)
    expect(preview.get_by_role("link", name="Legal notice")).to_be_visible()
    desk.locator("input[name=name]").fill("Example Garden")
    expect(preview.get_by_role("banner").get_by_text("Example Garden")).to_be_visible()
    _color(desk)
    _keys(desk)
    for tab in TABS:
        desk.get_by_role("tab", name=tab).click()
        assert violations(desk, "main") == [], tab
    desk.get_by_role("tab", name="Brand and page").click()
    # Other journeys know the unit by its name.
    desk.locator("input[name=name]").fill("Example Kids")
    desk.get_by_label("Legal notice").fill("http://example.com")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_role("tab", name="Brand and page 1 error")).to_have_attribute(
        "aria-selected", "true"
    )
    desk.get_by_label("Legal notice").fill(LEGAL)
    # After saving, the section that was open is open again.
    desk.get_by_role("tab", name="Languages").click()
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_text("was changed successfully")).to_be_visible()
    expect(desk.get_by_role("tabpanel", name="Languages")).to_be_visible()
    expect(desk.get_by_role("link", name="Enter the URL of your privacy policy.")).to_be_visible()
    assert desk.get_by_role("link", name="Enter the URL of your legal notice.").count() == 0


def _color(desk: Page) -> None:
    """A color on which white text cannot be read is answered with one on which it can."""
    text = desk.get_by_role("textbox", name="Button color", exact=True)
    text.fill("#7fd6a8")
    answer = desk.locator("output[for=id_accent]")
    expect(answer).to_contain_text("White text isn’t readable on it (contrast 1.")
    text.fill((answer.text_content() or "").rpartition("Try ")[2].rstrip("."))
    expect(answer).to_contain_text("White text is readable on it (contrast 4.")
    desk.get_by_label("Choose a button color").fill("#1d4f91")
    expect(text).to_have_value("#1d4f91")
    text.fill("")
    expect(answer).to_be_empty()


def _keys(desk: Page) -> None:
    """The tabs are one stop of the Tab key, and the arrows go on from there."""
    desk.get_by_role("tab", name="Brand and page").focus()
    desk.keyboard.press("ArrowLeft")
    expect(desk.get_by_role("tab", name="Team")).to_be_focused()
    desk.keyboard.press("ArrowRight")
    expect(desk.get_by_role("tabpanel", name="Brand and page")).to_be_visible()
    assert desk.locator("[role=tab][tabindex='0']").count() == 1


def test_lists_are_read_from_marketing_cloud_and_named_per_language(
    shared: Deployment, desk: Page
) -> None:
    sign_in(desk, shared, f"{UNIT}change/", name="lister", group="marketer", unit=CHILD)
    desk.get_by_role("link", name="Mailing lists").first.click()
    expect(desk.get_by_text(f"ListID {KIDS}")).to_be_visible()
    desk.locator("select[name=language]").select_option("sv")
    desk.get_by_role("button", name="Change language").click()
    desk.locator(f"input[name=list-{KIDS}-name]").fill(CLUB)
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("Mailing lists saved.")).to_be_visible()
    job = JobContext(job_id=KIDS_JOB, list_id=KIDS, batch_id=0)
    desk.goto(f"{shared.link(1004, mid=CHILD, job=job)}?lang=sv")
    expect(desk.get_by_role("heading", name=CLUB)).to_be_visible()


def test_a_text_is_found_in_the_table_and_copied_into_another_language(
    shared: Deployment, desk: Page
) -> None:
    sign_in(desk, shared, f"{UNIT}languages/", name="copier", group="marketer", unit=CHILD)
    desk.get_by_role("link", name="Nederlands, Reason question: Default text").click()
    desk.get_by_label("Reason question").fill("Waarom stopt u?")
    desk.get_by_role("button", name="Save").click()
    desk.get_by_role("link", name="Page texts in all languages").click()
    expect(desk.get_by_role("link", name="Nederlands, Reason question: Own text")).to_be_visible()
    row = desk.get_by_role("row", name="Polski")
    row.get_by_label("Copy to Polski from").select_option("nl")
    row.get_by_role("button", name="Copy").click()
    expect(desk.get_by_text("Copied from Nederlands into the empty fields")).to_be_visible()
    expect(desk.get_by_label("Reason question")).to_have_value("Waarom stopt u?")
    assert shared.query(
        "SELECT count(*) FROM unsub_pagetext WHERE unit_id = {mark} AND language = 'pl'", CHILD
    ) == [(0,)]
