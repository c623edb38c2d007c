"""The profile centre in a browser, with the real worker and the stand-in for Marketing Cloud."""

import time
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.deployment import WEEKLY, Deployment
from tests.journeys.reader import Reader
from tests.journeys.rules import violations


def centre(deployment: Deployment, subscriber: int) -> str:
    """Return the address of somebody's profile centre."""
    link = deployment.link(subscriber, issued_at=int(time.time()))
    return link.replace("/u/", "/p/", 1)


def test_a_list_is_left_without_a_script_and_ends_as_an_event(
    shared: Deployment, plain_reader: Reader
) -> None:
    address = centre(shared, 1071)
    plain_reader.open(address)
    page = plain_reader.page
    page.get_by_label("Weekly offers").uncheck()
    page.get_by_role("button", name="Save").click()
    # Among those that they are leaving, or where the worker was quicker, have left.
    expect(page.locator("li", has_text="Weekly offers")).to_be_visible()
    expect(page.get_by_label("Weekly offers")).to_have_count(0)
    event = shared.event_of(1071)
    assert (event["list_id"], event["job_id"], event["master"]) == (WEEKLY, 88002, False)
    assert shared.audit_of(1071)["channel"] == "profile"
    # Once what was read a moment ago is forgotten, it is among those that they do not get.
    deadline = time.monotonic() + 90
    while page.locator("section.help li", has_text="Weekly offers").count() == 0:
        assert time.monotonic() < deadline
        time.sleep(3)
        page.goto(address)
    expect(page.get_by_label("Product news")).to_be_checked()


def test_the_page_of_the_mail_leads_there_and_back(shared: Deployment, reader: Reader) -> None:
    reader.open(shared.link(1072, issued_at=int(time.time())))
    reader.page.get_by_role("link", name="Your lists").click()
    expect(reader.page.get_by_label("Weekly offers")).to_be_checked()
    reader.page.get_by_role("button", name="Unsubscribe from everything instead").click()
    expect(reader.page.get_by_text("no more mail of any kind")).to_be_visible()
    assert shared.audit_of(1072)["scope"] == "all"


def test_while_marketing_cloud_is_away_the_page_comes(shared: Deployment, reader: Reader) -> None:
    shared.cue("latency", value=8, seconds=20)
    try:
        reader.open(centre(shared, 1073))
    finally:
        shared.clear_cues()
    assert "cannot be shown right now" in reader.text
    assert "Unsubscribe from everything" in reader.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_it_breaks_no_rule(
    shared: Deployment, browser: Browser, language: str, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 700})
    page = context.new_page()
    page.goto(f"{centre(shared, 1074)}?lang={language}")
    expect(page.locator("input[name=keep]")).to_have_count(2)
    assert violations(page, "body") == []
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
    page.goto(f"{shared.link(1074).replace('/u/', '/p/', 1)}?lang={language}")
    assert violations(page, "body") == []
    context.close()
