"""What marketers do most, each from the overview and with as few clicks as the guide says."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page, expect

from scripts.steps import ROOT
from tests.journeys.conftest import Deploy
from tests.journeys.office import sign_in

FILL = "from scripts import admin_states; admin_states.create()"
ROWS = "#result_list tbody tr th a"


class Clicks:
    """Presses on a page, counted: on links, buttons, boxes and fields, and Enter. Typing does not
    count, nor a field that has the focus already."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.number = 0

    def click(self, target: Locator) -> None:
        """Press, and wait for the page that follows."""
        self.number += 1
        target.click()
        self.page.wait_for_load_state()

    def link(self, name: str | re.Pattern[str]) -> None:
        """Press the first link of this name."""
        self.click(self.page.locator("main").get_by_role("link", name=name).first)

    def menu(self, name: str) -> None:
        """Press an entry of the menu."""
        text = re.compile(rf"\b{name}\s*$")
        self.click(self.page.locator("#nav-sidebar-apps a").filter(has_text=text).first)

    def button(self, name: str) -> None:
        """Press a button."""
        # The theme's buttons have the name of their icon before their text.
        self.click(self.page.get_by_role("button", name=re.compile(rf"(^|\s){name}$")).first)

    def fill(self, target: Locator, text: str) -> None:
        """Write into a field."""
        if target.get_attribute("autofocus") is None:
            self.number += 1
        target.fill(text)

    def choose(self, target: Locator, value: str) -> None:
        """Choose from a list."""
        self.number += 1
        target.select_option(value)

    def enter(self, target: Locator) -> None:
        """Press Enter in a field."""
        self.number += 1
        target.press("Enter")
        self.page.wait_for_load_state()


def find_a_refused_request(at: Clicks) -> None:
    at.link(re.compile("requests? (were|was) refused"))
    at.click(at.page.locator(ROWS).first)
    expect(at.page.locator(".unsub-story")).to_contain_text("Attempt 1")


def deal_with_it(at: Clicks) -> None:
    find_a_refused_request(at)
    at.button("Mark as resolved")
    at.fill(at.page.get_by_label("What did you do?"), "Unsubscribed by hand")
    at.button("Mark as resolved")
    expect(at.page.get_by_text("1 request marked as resolved.")).to_be_visible()


def prove_an_unsubscribe(at: Clicks) -> None:
    search = at.page.get_by_label("Find requests by email address, key or ID")
    at.fill(search, "2")
    at.enter(search)
    at.click(at.page.locator(ROWS).first)
    at.link("Subscriber record")
    expect(at.page.get_by_text("All records of this subscriber")).to_be_visible()


def read_the_reasons_of_a_send(at: Clicks) -> None:
    at.menu("Sends")
    at.click(at.page.locator(ROWS).first)
    expect(at.page.get_by_role("heading", name="Reasons")).to_be_visible()


def find_the_worst_send(at: Clicks) -> None:
    at.link("Last 7 days")
    card = at.page.locator("#by-job")
    expect(card.get_by_role("columnheader", name="Rate")).to_be_visible()
    expect(card.locator("tbody tr").first).to_contain_text("Weekly offers")


def stop_an_alert(at: Clicks) -> None:
    at.link(re.compile("requests? (were|was) refused"))
    at.click(at.page.locator("#action-toggle"))
    at.choose(at.page.locator("select[name=action]"), "mark_handled")
    at.button("Run")
    at.fill(at.page.get_by_label("What did you do?"), "Unsubscribed by hand")
    at.button("Mark as resolved")
    expect(at.page.get_by_text("marked as resolved.")).to_be_visible()


def change_the_color(at: Clicks) -> None:
    at.menu("Business units")
    at.link("510003")
    at.fill(at.page.locator("input[name=accent]"), "#2f6b3a")
    expect(at.page.frame_locator("iframe.unsub-preview").locator("h1")).to_be_visible()
    at.button("Save")
    expect(at.page.get_by_text("was changed successfully").first).to_be_visible()


def add_a_reason(at: Clicks) -> None:
    at.menu("Reasons")
    at.click(at.page.locator("a[href$='/reason/add/']").first)
    at.fill(at.page.locator("input[name=label]"), "I found another shop")
    at.button("Save")
    expect(at.page.get_by_text("was added successfully").first).to_be_visible()


def change_a_german_text(at: Clicks) -> None:
    at.menu("Business units")
    at.link("510003")
    at.link(re.compile("Page texts$"))
    at.link("Deutsch")
    at.fill(at.page.locator("main textarea").first, "Im Winter schreiben wir einmal im Monat.")
    at.button("Save")
    expect(at.page.locator("main textarea").first).to_have_value(re.compile("Winter"))


def check_a_link(at: Clicks) -> None:
    at.menu("Links")
    at.fill(at.page.get_by_label("Link or token"), "https://mail.example.com/u/cut")
    at.button("Check link")
    expect(at.page.get_by_text("Not valid", exact=True)).to_be_visible()


def see_the_one_clicks_of_yesterday(at: Clicks) -> None:
    before = _yesterday()
    at.link("Yesterday")
    at.click(at.page.locator("#by-channel").get_by_role("link", name="one-click"))
    # Two days where midnight passes meanwhile.
    either = re.compile(f"{before}|{_yesterday()}")
    expect(at.page.locator("#result_list tbody tr").first).to_contain_text(either)


def _yesterday() -> str:
    return (datetime.now(UTC).date() - timedelta(days=1)).isoformat()


TASKS: dict[str, Callable[[Clicks], None]] = {
    "find a refused request and its cause": find_a_refused_request,
    "deal with it": deal_with_it,
    "was this person unsubscribed, with proof": prove_an_unsubscribe,
    "reasons of one send": read_the_reasons_of_a_send,
    "which send is worst this week": find_the_worst_send,
    "change the color and look at the page": change_the_color,
    "add a reason": add_a_reason,
    "change a text in German": change_a_german_text,
    "check a link somebody pasted": check_a_link,
    "see all one-clicks of yesterday": see_the_one_clicks_of_yesterday,
    # The last: nothing is refused afterwards.
    "stop an alert that is handled": stop_an_alert,
}


def told() -> dict[str, int]:
    """Return the clicks of each task, as the guide says."""
    text = (ROOT / "docs" / "marketers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|[^|]+\|[^|]+\| (\d+) \|$", text, re.MULTILINE)
    return {task: int(number) for task, number in rows}


def test_each_task_takes_as_many_clicks_as_the_guide_says(deploy: Deploy, desk: Page) -> None:
    here = deploy()
    here.shell(FILL)
    sign_in(desk, here, "/admin/", name="marketer")
    desk.set_viewport_size({"width": 1440, "height": 900})  # with the menu beside the page
    found = {}
    for task, act in TASKS.items():
        desk.goto(f"{here.url}/admin/")
        clicks = Clicks(desk)
        act(clicks)
        found[task] = clicks.number
    assert found == {task: number for task, number in told().items() if task in TASKS}
    assert set(TASKS) <= set(told())
