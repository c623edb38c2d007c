"""Take pictures of every page, for recipients and of the admin.

    python -m scripts.screenshots [FOLDER]        default: var/screenshots
    python -m scripts.screenshots docs            those of the documents, docs/images

Each state of a recipient's page in four languages; each page in both schemes, on a phone and on a
desktop: real gunicorn, its own database, a real browser. Sheets in the folder show all pictures of
one kind side by side.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from . import browser
from .docs_images import take_for_docs
from .picture_site import site
from .pictures import Look, Scheme, see, sheet
from .steps import ROOT, say

LANGUAGES = ("en", "de", "ar", "ja")
SIZES = {"phone": (390, 844), "desktop": (1100, 900)}
DESK = (1440, 900)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
STATES = (
    "choose", "choose_everything", "error", "on_its_way", "done", "again", "withdrawn", "refused",
    "told", "too_late", "test", "bad_link", "not_found", "lost", "lost_error", "brand",
    "centre", "forwarded", "centre_asked", "centre_away", "centre_old", "details", "details_error",
    "yours", "new_link", "confirm", "confirm_over",
)  # fmt: skip
SIGNED_OUT = {
    "sign_in": "/admin/account/login/", "forgotten_password": "/admin/account/password/reset/",
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write every picture; return 0."""
    with (
        tempfile.TemporaryDirectory() as name,
        site(Path(name)) as links,
        sync_playwright() as playwright,
    ):
        running = playwright.chromium.launch(
            executable_path=browser.ensure(), args=["--no-sandbox", "--disable-gpu"]
        )
        if arguments == ["docs"]:
            take_for_docs(running, links, ROOT / "docs" / "images")
        else:
            folder = Path(arguments[0]) if arguments else ROOT / "var" / "screenshots"
            folder.mkdir(parents=True, exist_ok=True)
            _take_all(running, links, folder)
        running.close()
    return 0


def _take_all(running: Browser, links: dict[str, str], folder: Path) -> None:
    """Take every state, then make the sheets."""
    for at, state in enumerate(STATES, start=1):
        say(f"[{at}/{len(STATES)}] {state}")
        _take_recipients(running, state, links[state], folder)
    base = links["done"].partition("/u/")[0]
    names = [one for one in links if one.startswith("admin_") and one != "admin_cookie"]
    for at, state in enumerate(names, start=1):
        say(f"[{at}/{len(names)}] {state}")
        _take_admin(running, state, base + links[state], links["admin_cookie"], folder)
    for state, path in SIGNED_OUT.items():
        _take_admin(running, f"admin_{state}", base + path, "", folder)
    for kind in ("phone-light", "phone-dark", "desktop-light", "desktop-dark"):
        for language in LANGUAGES:
            found = [folder / f"{state}-{language}-{kind}.png" for state in STATES]
            sheet(found, folder / f"sheet-{language}-{kind}.png", width=330)
        found = sorted(folder.glob(f"admin_*-{kind}.png"))
        sheet(found, folder / f"sheet-admin-{kind}.png", width=720 if "desktop" in kind else 330)
    (folder / "bytes.md").write_text(_weigh(links) + "\n")
    say(f"pictures in {folder}")


def _take_recipients(running: Browser, state: str, link: str, folder: Path) -> None:
    """Take a state in every language, size and scheme."""
    for language in LANGUAGES:
        for size, (width, height) in SIZES.items():
            for scheme in SCHEMES:
                look = Look(width=width, height=height, scheme=scheme, language=language)
                with see(running, link, look, act=ERRORS.get(state)) as page:
                    page.screenshot(path=folder / f"{state}-{language}-{size}-{scheme}.png")


def _take_admin(running: Browser, state: str, link: str, cookie: str, folder: Path) -> None:
    """Take a page of the admin in every size and scheme."""
    for size, (width, height) in (SIZES | {"desktop": DESK}).items():
        for scheme in SCHEMES:
            look = Look(width=width, height=height, scheme=scheme, cookie=cookie)
            with see(running, link, look) as page:
                page.screenshot(path=folder / f"{state}-{size}-{scheme}.png")


def _wrong_reason(page: Page) -> None:
    """Submit a reason that is no longer on the list."""
    page.locator("input[name=reason]").first.evaluate("one => one.value = 'gone'")
    page.locator("input[name=reason]").first.check()
    page.locator("main form button[type=submit]").first.click()


def _wrong_address(page: Page) -> None:
    """Submit an invalid address."""
    page.locator("input[name=email_address]").fill("ada at example")
    page.locator("main form button[type=submit]").first.click()


def _wrong_details(page: Page) -> None:
    """Submit an empty required field and an invalid value."""
    texts = page.locator("input[type=text]")
    texts.nth(0).fill("Łada")
    texts.nth(1).fill("")
    page.locator("main form button[type=submit]").click()
    page.locator(".error[role=alert]").wait_for()


ERRORS: dict[str, Callable[[Page], None]] = {
    "error": _wrong_reason,
    "lost_error": _wrong_address,
    "details_error": _wrong_details,
}


def _weigh(links: dict[str, str]) -> str:
    """Return a table of the size of each page, plain and as sent to a browser that takes gzip."""
    rows = ["| page | HTML and style | as sent |", "| --- | ---: | ---: |"]
    for state in STATES:
        plain, packed = (_body(links[state], encoding) for encoding in ("identity", "gzip"))
        rows.append(f"| {state} | {len(plain):,} | {len(packed):,} |")
    return "\n".join(rows)


def _body(link: str, encoding: str) -> bytes:
    """Return the raw body of a response."""
    answer = requests.get(link, headers={"Accept-Encoding": encoding}, stream=True, timeout=10)
    return bytes(answer.raw.read(decode_content=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
