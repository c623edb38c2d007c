"""The profile centre in a browser, with a real worker and the sandbox."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.journeys.deployment import ANSWER_SECONDS, PARENT, WEEKLY, Deployment
from tests.journeys.office import sign_in
from tests.journeys.processes import wait_for
from tests.journeys.reader import Reader, window
from tests.journeys.rules import violations
from unsub.domain.context import PROOF_SECONDS

TOPICS = f"""
from unsub.models import Topic
place = {{"unit_id": {PARENT}, "data_extension": "email-preferences",
         "key_column": "SubscriberKey"}}
Topic.objects.create(code="tips", name="Tips and ideas", column="Tips", **place)
Topic.objects.create(
    code="frequency", name="How often?", column="Frequency", off_value="never",
    empty_value="weekly", choices="weekly = Every week\\nmonthly = Once a month\\nnever = Never",
    **place,
)
"""
LIST = "/admin/unsub/subscriberrequest/"
UNREAD = "We can’t show your mailing lists right now."


def centre(deployment: Deployment, subscriber: int, **changes: Any) -> str:
    """Return the URL of a subscriber's profile centre."""
    changes = {"issued_at": int(time.time())} | changes
    return deployment.link(subscriber, **changes).replace("/u/", "/p/", 1)


def mailed(deployment: Deployment, subscriber: int, **changes: Any) -> str:
    """Return the URL as the email with a new link has it: it shows the details for an hour."""
    until = int(time.time()) + PROOF_SECONDS
    return centre(deployment, subscriber, seal=True, proved_until=until, **changes)


def box(page: Page, name: str) -> Locator:
    """Return the checkbox of a list."""
    return page.get_by_role("checkbox", name=name)


def person(deployment: Deployment, subscriber: int) -> dict[str, Any]:
    """Return the subscriber's current state in the sandbox."""
    url = f"{deployment.sandbox_url}/people.json?id={subscriber}"
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as response:
        found: dict[str, Any] = json.load(response)
    return found


def preferences(deployment: Deployment, subscriber: int) -> dict[str, str]:
    """Return what was written to a subscriber's row in the sandbox's data extension."""
    with urllib.request.urlopen(
        f"{deployment.sandbox_url}/rows.json", timeout=ANSWER_SECONDS
    ) as response:
        rows = [one["values"] for one in json.load(response)]
    own = [row for row in rows if row["SubscriberKey"] == f"sub-{subscriber}"]
    return {name: value for row in own for name, value in row.items()}


def visit(page: Page, address: str) -> None:
    """Open a page of the centre, and again where Marketing Cloud did not answer it in its three
    seconds, as on a busy machine."""

    def is_read() -> bool:
        response = page.goto(address)
        assert response is not None
        assert response.status in {200, 503}, response.status
        return response.status == 200 and UNREAD not in page.locator("body").inner_text()

    wait_for("the lists", is_read)


def look(reader: Reader, address: str) -> None:
    """Open a page of the centre as a recipient."""
    reader.expected += ("status of 503",)
    visit(reader.page, address)


def unfold(page: Page, name: str) -> None:
    """Open a folded part of the page."""
    page.locator("summary", has_text=name).click()


def mail_to(deployment: Deployment, address: str) -> str:
    """Wait for an email to an address and return its link."""

    def probe() -> str:
        with urllib.request.urlopen(
            f"{deployment.sandbox_url}/mails.json", timeout=ANSWER_SECONDS
        ) as answer:
            mails = [mail for mail in json.load(answer) if mail["email"] == address]
        return str(dict(mails[-1]["attributes"])["ProfileCentreLink"]) if mails else ""

    return wait_for(f"a mail to {address}", probe)


def test_unsubscribing_from_a_list_without_scripts_ends_as_an_event(
    shared: Deployment, plain_reader: Reader
) -> None:
    address = centre(shared, 1071)
    look(plain_reader, address)
    page = plain_reader.page
    box(page, "Weekly offers").uncheck()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    expect(box(page, "Weekly offers")).not_to_be_checked()
    event = shared.event_of(1071)
    assert (event["list_id"], event["job_id"], event["master"]) == (WEEKLY, 88002, False)
    assert shared.audit_of(1071)["channel"] == "profile"
    # Also after the cached data has expired.
    visit(page, address)
    expect(box(page, "Weekly offers")).not_to_be_checked()
    expect(box(page, "Product news")).to_be_checked()


def test_the_unsubscribe_page_links_to_the_profile_centre(
    shared: Deployment, reader: Reader
) -> None:
    look(reader, centre(shared, 1072))  # so that the lists are cached
    reader.open(shared.link(1072, issued_at=int(time.time())))
    reader.page.get_by_role("link", name="Get fewer emails instead").click()
    expect(box(reader.page, "Weekly offers")).to_be_checked()
    reader.page.get_by_role("button", name="Unsubscribe from all marketing emails").click()
    expect(reader.page.get_by_text("no longer get marketing emails")).to_be_visible()
    assert shared.audit_of(1072)["scope"] == "all"


def test_a_list_is_subscribed_to_once_it_is_confirmed_by_email(
    shared: Deployment, plain_reader: Reader
) -> None:
    page = plain_reader.page
    look(plain_reader, centre(shared, 1075))
    expect(box(page, "Events near you")).not_to_be_checked()
    box(page, "Events near you").check()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Waiting for you to confirm")).to_be_visible()
    link = mail_to(shared, "sub1075@example.com")
    plain_reader.open(link)
    expect(page.get_by_text("Confirm that you want “Events near you”")).to_be_visible()
    assert "7004" not in person(shared, 1075)["lists"]
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Thanks, that’s confirmed")).to_be_visible()
    wait_for("the list", lambda: person(shared, 1075)["lists"].get("7004") == "Active")


@pytest.fixture
def topics(shared: Deployment) -> Iterator[None]:
    """Two topics of the parent unit, in a data extension of the sandbox. The pages of other tests
    have none."""
    shared.shell(TOPICS)
    yield
    shared.shell("from unsub.models import Topic; Topic.objects.all().delete()")


@pytest.mark.usefixtures("topics")
def test_a_topic_in_a_data_extension_goes_from_the_page_to_its_row(
    shared: Deployment, plain_reader: Reader, reader: Reader
) -> None:
    page, address = plain_reader.page, centre(shared, 1094)

    def loaded() -> bool:
        # Other processes show a marketer's change within two seconds.
        plain_reader.open(address)
        return box(page, "Tips and ideas").count() == 1

    wait_for("the topics", loaded)
    # Without a row: off, and the choice that counts then.
    expect(box(page, "Tips and ideas")).not_to_be_checked()
    expect(page.get_by_role("radio", name="Every week")).to_be_checked()
    reader.open(address)
    assert violations(reader.page, "main") == []
    box(page, "Tips and ideas").check()
    page.get_by_role("radio", name="Once a month").check()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    expect(page.get_by_text("Waiting for you to confirm")).to_be_visible()
    expect(page.get_by_role("radio", name="Once a month")).to_be_checked()
    wait_for("the frequency", lambda: preferences(shared, 1094).get("Frequency") == "monthly")
    assert "Tips" not in preferences(shared, 1094)
    plain_reader.open(mail_to(shared, "sub1094@example.com"))
    expect(page.get_by_text("Confirm that you want “Tips and ideas”")).to_be_visible()
    page.get_by_role("button", name="Confirm").click()
    wait_for("the topic", lambda: preferences(shared, 1094).get("Tips") == "True")
    # And out again, at once: read from the data extension, then left.
    look(plain_reader, address)
    expect(box(page, "Tips and ideas")).to_be_checked()
    box(page, "Tips and ideas").uncheck()
    page.get_by_role("radio", name="Never").check()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Unsubscribing").first).to_be_visible()
    wait_for(
        "the row",
        lambda: (
            preferences(shared, 1094)
            == {"SubscriberKey": "sub-1094", "Tips": "False", "Frequency": "never"}
        ),
    )
    assert [event for event in shared.events() if event["subscriber_id"] == 1094] == []


def test_a_consent_has_a_receipt_that_its_person_and_a_marketer_find_and_print(
    shared: Deployment, plain_reader: Reader, browser: Browser
) -> None:
    page, address = plain_reader.page, centre(shared, 1092)
    look(plain_reader, address)
    box(page, "Events near you").check()
    page.get_by_role("button", name="Save changes").click()
    plain_reader.open(mail_to(shared, "sub1092@example.com"))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Thanks, that’s confirmed")).to_be_visible()
    look(plain_reader, f"{address}/yours")
    page.get_by_role("link", name="Consent receipt").click()
    expect(page.get_by_role("heading", name="Consent receipt")).to_be_visible()
    identifier = page.locator(".receipt .id").inner_text()
    _prints_on_white(page, ".card", page.get_by_text("print this page"))
    context = window(browser, color_scheme="dark", viewport={"width": 1440, "height": 900})
    desk = context.new_page()
    sign_in(desk, shared, f"{LIST}receipts/", name="receipts")
    desk.get_by_label("Receipt ID, email address").fill(identifier.lower().replace("-", " "))
    desk.get_by_role("button", name="Search").click()
    expect(desk.locator(".receipt .id")).to_have_text(identifier)
    expect(desk.get_by_text("Events near you (7004)")).to_be_visible()
    assert violations(desk, "main") == []
    _prints_on_white(desk, ".unsub-paper", desk.get_by_role("link", name="Overview"))
    context.close()


def _prints_on_white(page: Page, paper: str, chrome: Locator) -> None:
    """Fail where the page prints what is for the screen alone, or light words on white."""
    expect(chrome.first).to_be_visible()
    page.emulate_media(media="print", color_scheme="dark")
    expect(chrome.first).to_be_hidden()
    assert page.locator("button:visible, nav:visible").count() == 0
    ink = page.locator(f"{paper} .receipt .id").evaluate("one => getComputedStyle(one).color")
    assert max(map(int, re.findall(r"\d+", ink)[:3])) < 80
    page.emulate_media(media="screen")


def test_details_can_be_changed_and_errors_are_reported_at_the_field(
    shared: Deployment, plain_reader: Reader
) -> None:
    page = plain_reader.page
    address = mailed(shared, 1076)
    look(plain_reader, address)
    unfold(page, "Your details")
    page.get_by_role("link", name="Edit your details").click()
    page.get_by_label("First Name").fill("Łada")
    page.get_by_label("City").select_option("Köln")
    page.get_by_label("Birthday").fill("1990-02-03")
    page.get_by_label("Plain text").check()
    plain_reader.expected += ("status of 422",)
    page.get_by_role("button", name="Save changes").click()
    # The error names its field, and all other input is kept.
    expect(page.get_by_role("alert")).to_contain_text("“First Name” can’t include Ł")
    expect(page.get_by_label("City")).to_have_value("Köln")
    expect(page.get_by_label("Birthday")).to_have_value("1990-02-03")
    page.get_by_label("First Name").fill("Lada")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    unfold(page, "Your details")
    expect(page.get_by_text("Lada")).to_be_visible()
    wait_for("the change", lambda: person(shared, 1076)["email_type"] == "Text")
    known = wait_for("it", lambda: person(shared, 1076)["attributes"])
    assert (known["First Name"], known["City"], known["Birthday"][:9]) == (
        "Lada",
        "Köln",
        "2/3/1990 ",
    )


def test_a_new_address_is_confirmed_by_an_email_to_it(
    shared: Deployment, plain_reader: Reader
) -> None:
    page = plain_reader.page
    look(plain_reader, f"{centre(shared, 1081)}/details")
    page.get_by_label("New email address").fill("new1081@example.org")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Check your inbox and follow the link to confirm.")).to_be_visible()
    plain_reader.open(mail_to(shared, "new1081@example.org"))
    expect(page.get_by_text("n•••@example.org")).to_be_visible()
    assert person(shared, 1081)["email"] == "sub1081@example.com"
    page.get_by_role("button", name="Confirm").click()
    wait_for("it", lambda: person(shared, 1081)["email"] == "new1081@example.org")


def test_a_forwarded_link_takes_nobody_over(
    shared: Deployment, browser: Browser, plain_reader: Reader
) -> None:
    # The attacker has no more than a link with a SubscriberID.
    page, forwarded = plain_reader.page, centre(shared, 1082)
    plain_reader.expected += ("status of 403",)
    for at, path in enumerate(("", "/details", "/yours")):
        look(plain_reader, f"{forwarded}{path}")
        if not path:
            unfold(page, "Your details")
        text = plain_reader.text
        assert "s•••@example.com" in text
        assert "sub1082" not in text
        assert "Your details are hidden because this link may have been forwarded" in text
        page.screenshot(path=shared.folder / f"forwarded_{at}.png", full_page=True)
    refused = page.goto(f"{forwarded}/yours.json")
    assert refused is not None
    assert refused.status == 403
    page.screenshot(path=shared.folder / "forwarded_export.png", full_page=True)
    look(plain_reader, f"{forwarded}/details")
    page.get_by_label("New email address").fill("attacker@example.org")
    page.get_by_role("button", name="Save changes").click()
    plain_reader.open(mail_to(shared, "attacker@example.org"))
    page.get_by_role("button", name="Confirm").click()
    wait_for("it", lambda: person(shared, 1082)["email"] == "attacker@example.org")
    # Now the link by email would go to the attacker: it waits.
    look(plain_reader, f"{forwarded}/details")
    page.get_by_role("button", name="Email me a link").click()
    expect(page.get_by_text("after a waiting period (3 days)")).to_be_visible()
    page.screenshot(path=shared.folder / "new_link.png", full_page=True)
    # The owner was told at the former address, and restores it.
    with Reader(browser) as owner:
        owner.open(mail_to(shared, "sub1082@example.com"))
        expect(
            owner.page.get_by_text("a•••@example.org instead of s•••@example.com")
        ).to_be_visible()
        owner.page.screenshot(path=shared.folder / "undo.png", full_page=True)
        owner.page.get_by_role("button", name="Undo the change").click()
        expect(owner.page.get_by_role("heading", name="The change is undone")).to_be_visible()
        owner.page.screenshot(path=shared.folder / "undone.png", full_page=True)
    wait_for("it", lambda: person(shared, 1082)["email"] == "sub1082@example.com")
    look(plain_reader, f"{forwarded}/details")
    expect(page.get_by_text("A change of your email address was undone")).to_be_visible()
    expect(page.get_by_label("New email address")).to_have_count(0)
    page.screenshot(path=shared.folder / "locked.png", full_page=True)


def test_a_subscriber_unsubscribes_from_everything_and_resubscribes(
    shared: Deployment, plain_reader: Reader
) -> None:
    page = plain_reader.page
    address = centre(shared, 1077)
    look(plain_reader, address)
    page.get_by_role("button", name="Unsubscribe from all marketing emails").click()
    wait_for("it", lambda: person(shared, 1077)["status"] == "Unsubscribed")
    look(plain_reader, address)
    page.get_by_role("button", name="Resubscribe").click()
    expect(page.get_by_text("Check your inbox and follow the link to confirm.")).to_be_visible()
    plain_reader.open(mail_to(shared, "sub1077@example.com"))
    page.get_by_role("button", name="Confirm").click()
    wait_for("it", lambda: person(shared, 1077)["status"] == "Active")


def test_a_pause_can_be_begun_and_ended(shared: Deployment, plain_reader: Reader) -> None:
    page = plain_reader.page
    address = centre(shared, 1078)
    look(plain_reader, address)
    unfold(page, "Pause emails")
    page.get_by_label("Which emails?", exact=True).select_option(label="Product news")
    page.get_by_label("For how long?").select_option("60")
    page.get_by_role("button", name="Pause emails").click()
    expect(page.get_by_text("Paused until")).to_be_visible()
    wait_for("it", lambda: person(shared, 1078)["lists"]["7002"] == "Unsubscribed")
    look(plain_reader, address)
    page.get_by_role("button", name="End pause now").click()
    wait_for("it", lambda: person(shared, 1078)["lists"]["7002"] == "Active")


def test_an_old_link_is_exchanged_for_a_new_one(shared: Deployment, reader: Reader) -> None:
    reader.open(centre(shared, 1079, issued_at=int(time.time()) - 100 * 86_400))
    expect(
        reader.page.get_by_role("heading", name="This link is too old to open your preferences")
    ).to_have_count(1)
    reader.page.get_by_role("button", name="Email me a new link").click()
    expect(reader.page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    look(reader, mail_to(shared, "sub1079@example.com"))
    expect(box(reader.page, "Weekly offers")).to_be_checked()


def test_a_subscriber_reads_their_data_and_asks_for_erasure(
    shared: Deployment, reader: Reader
) -> None:
    page = reader.page
    look(reader, mailed(shared, 1080))
    page.get_by_role("link", name="Your data").click()
    expect(page.get_by_role("definition").filter(has_text="s•••@example.com")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download your data (JSON)").click()
    held = json.loads(download.value.path().read_text())
    assert held["your_profile"]["email_address"] == "sub1080@example.com"
    page.get_by_role("button", name="Request deletion").click()
    expect(page.get_by_text("We’ve received your deletion request.")).to_be_visible()


def test_while_marketing_cloud_is_away_the_page_shows_and_unsubscribing_works(
    shared: Deployment, reader: Reader
) -> None:
    look(reader, centre(shared, 1072))  # so that the list names are cached
    shared.cue("latency", value=8, times=None)
    try:
        reader.open(centre(shared, 1073))
        # A page that waited for Marketing Cloud's eight seconds would have it all.
        assert UNREAD in reader.text
        assert "Unsubscribe from all marketing emails" in reader.text
        box(reader.page, "Weekly offers").check()
        reader.page.get_by_role("button", name="Unsubscribe", exact=True).click()
    finally:
        shared.clear_cues()
    assert shared.event_of(1073)["list_id"] == WEEKLY


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_the_profile_centre_passes_axe_core(
    shared: Deployment, browser: Browser, language: str, scheme: Any
) -> None:
    context = window(browser, color_scheme=scheme, viewport={"width": 320, "height": 700})
    page = context.new_page()
    address, forwarded = mailed(shared, 1074), centre(shared, 1074)
    old = urlsplit(shared.link(1074)).path.replace("/u/", "/p/", 1)
    for path in ("", "/details", "/yours", "/new-link"):
        page.goto(f"{address}{path}?lang={language}")
        _holds(page)
    for path in ("", "/details", "/yours", "/yours.json", "/yours/CR-0000-0000-00000"):
        page.goto(f"{forwarded}{path}?lang={language}")
        _holds(page)
    visit(page, f"{address}/details?lang={language}")
    page.locator("input[type=text]").nth(1).fill("")
    page.locator("main form button[type=submit]").click()
    expect(page.locator(".error[role=alert]")).to_be_focused()
    _holds(page)
    visit(page, f"{address}?lang={language}")
    for summary in page.locator("main summary").all():
        summary.click()
    _holds(page)
    for path in (old, "/c/nothing"):
        page.goto(f"{shared.url}{path}?lang={language}")
        _holds(page)
    context.close()


def _holds(page: Page) -> None:
    """Fail where the page violates WCAG 2.2 AA, or is wider than a small phone."""
    assert violations(page, "body") == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
