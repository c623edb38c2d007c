"""WCAG 2.2 AA by axe-core for every page, state and text direction, and checks that axe lacks."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from tests.journeys.deployment import Deployment
from tests.journeys.reader import window
from unsub.domain.context import Scope

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SMALL = """
() => [...document.querySelectorAll(
    'main button, main .pick, summary, li a, .field input, .button')]
  .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44)
  .map(one => one.outerHTML.slice(0, 80))
"""
# Elements whose text is wider than they are, so that a part of it cannot be read.
CUT = """
() => [...document.querySelectorAll('h1, h2, p, legend, label, a, button, b, span')]
  .filter(one => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).display != 'inline')
  .map(one => one.outerHTML.slice(0, 80))
"""
# Elements that stay where they are and would hide others while the page scrolls.
FIXED = """
() => [...document.querySelectorAll('*')]
  .filter(one => ['fixed', 'sticky'].includes(getComputedStyle(one).position))
  .map(one => one.outerHTML.slice(0, 80))
"""
STATES = (
    "choose", "everything", "error", "done", "too_late", "again", "told", "why_error", "test",
    "bad", "not_found", "lost", "lost_error",
)  # fmt: skip


BARE = {
    "bad": "/u/cut",
    "not_found": "/nowhere",
    "lost": "/lost-link?kept=1",
    "lost_error": "/lost-link",
}
CHANGES: dict[str, dict[str, Any]] = {
    "everything": {"scope": Scope.ALL},
    "test": {"message_context": "PREVIEW"},
}
AFTER_ONE_CLICK = frozenset({"again", "too_late", "told", "why_error"})


def _open(page: Page, shared: Deployment, state: str, language: str, number: int) -> None:
    """Open a page in a state."""
    if state in BARE:
        page.goto(f"{shared.url}{BARE[state]}?lang={language}".replace("?kept=1?", "?kept=1&"))
        if state == "lost_error":
            page.locator("input[name=email_address]").fill("nobody")
            _submit(page)
        return
    link = shared.link(number, **CHANGES.get(state, {}))
    if state in AFTER_ONE_CLICK:
        shared.one_click(link)
    if state in AFTER_ONE_CLICK - {"again"}:
        _open_status(page, shared, link, state, language, number)
        return
    page.goto(f"{link}?lang={language}")
    if state == "error":
        _choose_what_is_gone(page)
    elif state == "done":
        page.locator("input[name=reason]").last.check()
        _submit(page)


def _open_status(
    page: Page, shared: Deployment, link: str, state: str, language: str, number: int
) -> None:
    """Open the page after the unsubscribe in a state."""
    if state == "too_late":
        assert shared.audit_of(number)["status"] == "done"
    page.goto(f"{link}/done?lang={language}&late=1")
    if state == "why_error":
        _choose_what_is_gone(page)
    elif state == "told":
        page.locator("input[name=reason]").first.check()
        page.locator("form:has(input[name=reason]) button[type=submit]").click()
        page.wait_for_url("**told=1**")


def _submit(page: Page) -> None:
    """Submit the first form, and wait for the whole page that follows."""
    with page.expect_navigation():
        page.locator("main form button[type=submit]").first.click()


def _choose_what_is_gone(page: Page) -> None:
    """Submit a reason that is no longer offered."""
    radio = page.locator("input[name=reason]").last
    radio.evaluate("one => one.value = 'gone'")
    radio.check()
    with page.expect_navigation():
        page.locator("form:has(input[name=reason]) button[type=submit]").first.click()


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
    context = window(
        browser, locale=language, color_scheme=scheme, viewport={"width": 320, "height": 640}
    )
    page = context.new_page()
    _open(page, shared, state, language, 2000 + at)
    assert _violations(page) == []
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    if state.endswith("error"):
        # The browser gives the focus when it draws the page.
        expect(page.locator(".error")).to_be_focused()
    context.close()


@pytest.mark.parametrize("width", [320, 390, 640])
@pytest.mark.parametrize("state", ["choose", "everything", "again"])
def test_text_of_twice_the_size_loses_nothing(
    shared: Deployment, browser: Browser, state: str, width: int
) -> None:
    context = window(browser, viewport={"width": width, "height": 900})
    page = context.new_page()
    for at, (language, _) in enumerate(settings.LANGUAGES):
        _open(page, shared, state, language, 2200 + at)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == []
    context.close()


@pytest.mark.parametrize("state", ["choose", "everything", "again"])
def test_a_zoom_of_400_percent_loses_nothing(
    shared: Deployment, browser: Browser, state: str
) -> None:
    context = window(browser, viewport={"width": 320, "height": 256})
    page = context.new_page()
    _open(page, shared, state, "de", 2250)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CUT) == []
    assert page.evaluate(FIXED) == []
    context.close()


@pytest.mark.parametrize("state", ["choose", "everything"])
def test_the_button_is_visible_on_the_smallest_screen_without_scrolling(
    shared: Deployment, browser: Browser, state: str
) -> None:
    context = window(browser, viewport={"width": 320, "height": 480})
    page = context.new_page()
    for at, (language, _) in enumerate(settings.LANGUAGES):
        _open(page, shared, state, language, 2260 + at)
        found = page.locator("main button.go").bounding_box()
        assert found is not None
        assert found["y"] + found["height"] <= 480, language
    context.close()


def test_a_second_button_follows_the_reasons_once_one_is_chosen(
    shared: Deployment, browser: Browser
) -> None:
    context = window(browser, viewport={"width": 390, "height": 844})
    page = context.new_page()
    _open(page, shared, "choose", "en", 2290)
    buttons = page.get_by_role("button", name="Unsubscribe", exact=True)
    assert buttons.count() == 1
    page.locator("input[name=reason]").first.check()
    expect(buttons).to_have_count(2)
    buttons.last.click()
    page.wait_for_url("**/done**")
    assert shared.event_of(2290)["reason"] == "I no longer want these emails"
    context.close()


def test_the_page_passes_with_forced_colours(shared: Deployment, browser: Browser) -> None:
    context = window(browser, forced_colors="active", viewport={"width": 390, "height": 844})
    page = context.new_page()
    _open(page, shared, "choose", "en", 2101)
    assert _violations(page) == []
    context.close()


def test_nothing_is_printed_that_can_only_be_pressed(shared: Deployment, browser: Browser) -> None:
    context = window(browser, viewport={"width": 390, "height": 844})
    page = context.new_page()
    _open(page, shared, "done", "en", 2103)
    page.emulate_media(media="print")
    assert page.get_by_role("heading", name="You’re unsubscribed").is_visible()
    assert page.locator("button:visible, input:visible, summary:visible").count() == 0
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sandbox_s_page_passes_axe_core(
    shared: Deployment, browser: Browser, scheme: Any
) -> None:
    context = window(browser, color_scheme=scheme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    # Not the one that reloads itself: its reader chose that, and a link stops it.
    for query in ("", "?q=grace#subscribers"):
        page.goto(f"{shared.sandbox_url}/{query}")
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert _violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
