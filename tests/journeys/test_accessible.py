"""WCAG 2.2 AA by axe-core for every page, state and text direction, and checks that axe lacks."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.deployment import Deployment
from unsub.domain.context import Scope

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SMALL = """
() => [...document.querySelectorAll(
    'main button, main .choice, summary, li a, .words input, .field input')]
  .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44)
  .map(one => one.outerHTML.slice(0, 80))
"""
STATES = (
    "choose", "everything", "error", "done", "again", "why", "why_error", "test", "bad", "lost",
    "lost_error",
)  # fmt: skip


BARE = {"bad": "/u/cut", "lost": "/lost-link?kept=1", "lost_error": "/lost-link"}


def _open(page: Page, shared: Deployment, state: str, language: str, number: int) -> None:
    """Open a page in a state."""
    changes: dict[str, Any] = {"scope": Scope.ALL} if state == "everything" else {}
    changes |= {"message_context": "PREVIEW"} if state == "test" else {}
    if state in BARE:
        page.goto(f"{shared.url}{BARE[state]}")
        if state == "lost_error":
            page.locator("input[name=email_address]").fill("nobody")
            page.locator("main form button[type=submit]").first.click()
        return
    link = shared.link(number, **changes)
    if state in {"again", "why", "why_error"}:
        shared.one_click(link)
    if state.startswith("why"):
        page.goto(f"{link}/done?lang={language}&why=1")
        if state == "why_error":
            _choose_what_is_gone(page)
        return
    page.goto(f"{link}?lang={language}")
    if state in {"error", "done"}:
        if state == "error":
            _choose_what_is_gone(page)
        else:
            page.locator("input[name=reason]").last.check()
            page.locator("main form button[type=submit]").first.click()


def _choose_what_is_gone(page: Page) -> None:
    """Submit a reason that is no longer offered."""
    radio = page.locator("input[name=reason]").last
    radio.evaluate("one => one.value = 'gone'")
    radio.check()
    page.locator("form:has(input[name=reason]) button[type=submit]").first.click()
    page.wait_for_selector(".error")


def _violations(page: Page) -> list[str]:
    """Return axe-core's findings."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    return [
        f"{one['id']}: {one['help']} {[node['html'][:100] for node in one['nodes']]}"
        for one in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar", "de"])
@pytest.mark.parametrize("state", STATES)
def test_every_page_passes_axe_core_and_fits_a_small_screen(
    shared: Deployment, browser: Browser, state: str, language: str, scheme: Any
) -> None:
    at = STATES.index(state) * 10 + ["en", "ar", "de"].index(language) * 2 + (scheme == "dark")
    context = browser.new_context(
        locale=language, color_scheme=scheme, viewport={"width": 320, "height": 640}
    )
    page = context.new_page()
    _open(page, shared, state, language, 2000 + at)
    assert _violations(page) == []
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    if state.endswith("error"):
        assert page.evaluate("document.activeElement.className") == "error"
    context.close()


def test_the_page_fits_with_text_of_twice_the_size(shared: Deployment, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 640, "height": 900})
    page = context.new_page()
    _open(page, shared, "choose", "de", 2100)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    assert _violations(page) == []
    context.close()


def test_the_page_passes_with_forced_colours(shared: Deployment, browser: Browser) -> None:
    context = browser.new_context(forced_colors="active", viewport={"width": 390, "height": 844})
    page = context.new_page()
    _open(page, shared, "choose", "en", 2101)
    assert _violations(page) == []
    context.close()


def test_the_button_never_covers_the_focused_element(shared: Deployment, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 480})
    page = context.new_page()
    _open(page, shared, "choose", "en", 2102)
    hidden = """
    () => {
      const one = document.activeElement.getBoundingClientRect();
      const bar = document.querySelector('.act').getBoundingClientRect();
      const inBar = document.activeElement.closest('.act');
      return !inBar && one.bottom > bar.top + 1 && one.top < bar.bottom - 1;
    }"""
    page.keyboard.press("Tab")
    for _ in range(9):
        page.keyboard.press("ArrowDown")
        assert not page.evaluate(hidden)
    context.close()
