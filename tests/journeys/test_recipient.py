"""Other actions of recipients: a later reason, the lost-link form, another language."""

from playwright.sync_api import expect

from tests.journeys.deployment import Deployment
from tests.journeys.reader import Reader

REASON = "SELECT reason_text FROM unsub_subscriberrequest WHERE subscriber_id = {mark}"


def test_a_reason_can_be_given_after_a_one_click(shared: Deployment, plain_reader: Reader) -> None:
    link = shared.link(1031)
    shared.one_click(link)
    plain_reader.open(link)
    assert "Why did you unsubscribe?" in plain_reader.text
    words = plain_reader.choose_first_reason()
    plain_reader.page.get_by_role("button", name="Send feedback").click()
    plain_reader.page.wait_for_url("**told=1")
    assert "Thanks for your feedback." in plain_reader.text
    assert shared.query(REASON, 1031) == [(words,)]


def test_the_lost_link_form_of_a_bad_link_stores_an_entry(
    shared: Deployment, reader: Reader
) -> None:
    # The page's status is 404, which the console logs as an error.
    reader.expected = ("status of 404",)
    reader.page.goto(f"{shared.url}/u/cut-in-two")
    assert "This link is incomplete" in reader.text
    reader.page.get_by_label("Email address").fill("grace@example.com")
    reader.page.get_by_role("button", name="Send request").click()
    reader.page.wait_for_url("**/lost-link?kept=1")
    assert "We’ve received your request" in reader.text
    # Other tests of this deployment may have sent the form, too.
    assert ("grace@example.com",) in shared.query("SELECT email_address FROM unsub_lostlink")


def test_the_chosen_language_is_kept_to_the_end(shared: Deployment, plain_reader: Reader) -> None:
    plain_reader.open(shared.link(1032))
    page = plain_reader.page
    page.get_by_text("Language", exact=True).click()
    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/done?lang=ar")
    assert page.locator("html").get_attribute("lang") == "ar"
    assert shared.event_of(1032)["list_id"] == 7001
