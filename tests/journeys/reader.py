"""A recipient in a browser, who notices what a page must not do."""

from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

PATIENCE = 60_000  # milliseconds; the machine may be busy


def window(browser: Browser, **options: Any) -> BrowserContext:
    """Return a window without history, which waits patiently for pages and elements."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    return context


class Reader:
    """A browser window. At its end it checks that no page logged an error, set a cookie, or made a
    request to another host."""

    def __init__(self, browser: Browser, *, scripts: bool = True) -> None:
        self._context = window(
            browser, java_script_enabled=scripts, locale="en-GB",
            viewport={"width": 390, "height": 844},
        )  # fmt: skip
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()
        self._hosts: set[str] = set()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not self._expects(message.text):
            self.complaints.append(message.text)

    def _expects(self, text: str) -> bool:
        """Return whether this console message is expected, such as that of a form's 422.

        Messages may arrive late, so `expected` is set before the action, instead of clearing
        complaints after it.
        """
        return any(words in text for words in self.expected)

    def _see(self, request: Request) -> None:
        self._hosts.add(urlsplit(request.url).netloc)

    def open(self, link: str) -> None:
        """Open a link. Fails where the status is not 200."""
        response = self.page.goto(link)
        assert response is not None
        assert response.status == 200, response.status

    def press(self) -> None:
        """Submit the page's first form and wait for the next page."""
        self.page.locator("main form button[type=submit]").first.click()
        self.page.wait_for_url("**/done")

    def choose_first_reason(self) -> str:
        """Choose the first reason. Return its label."""
        radio = self.page.locator("input[type=radio][name=reason]").first
        radio.check()
        label = self.page.locator(f"label:has(#{radio.get_attribute('id')})")
        return label.inner_text().strip()

    def tab_to(self, selector: str, *, most: int = 30) -> None:
        """Press Tab until the element has the focus. Fails where it is not reached."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.locator(f"{selector}:focus").count():
                return
        raise AssertionError(f"{selector} cannot be reached with the keyboard")

    @property
    def text(self) -> str:
        """The text of the page."""
        return self.page.locator("body").inner_text()

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the window. Without an earlier failure, check what was noticed."""
        cookies, url = self._context.cookies(), self.page.url
        self._context.close()
        if error is None:
            assert not self.complaints, self.complaints
            assert not cookies, [cookie.get("name") for cookie in cookies]
            assert self._hosts <= {urlsplit(url).netloc}, self._hosts
