"""The pictures of the documents: `make screenshots ARGS=docs` writes them to docs/images."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from PIL import Image
from playwright.sync_api import Browser, Page

from .pictures import Look, see, side_by_side
from .steps import say

PHONE = Look(width=390, height=844)
DARK = Look(width=390, height=844, scheme="dark")
ARABIC = Look(width=390, height=844, language="ar")
GERMAN = Look(width=390, height=844, scheme="dark", language="de")
Shown: TypeAlias = tuple[str, Look]


def _wrong_address(page: Page) -> None:
    """Submit an invalid address."""
    page.locator("input[name=email_address]").fill("ada at example")
    page.locator("main form button[type=submit]").first.click()


def _wrong_details(page: Page) -> None:
    """Submit an empty required field."""
    page.locator("input[type=text]").nth(1).fill("")
    page.locator("main form button[type=submit]").click()
    page.locator(".error[role=alert]").wait_for()


def _with_a_real_host(page: Page) -> None:
    """Show the host of a deployment in place of that of this machine."""
    for part in ("#snippet", "#headers"):
        page.locator(part).evaluate(
            "one => one.textContent = one.textContent.replaceAll(location.origin, HOST)".replace(
                "HOST", "'https://mail.example.com'"
            )
        )


ACTS: dict[str, Callable[[Page], None]] = {
    "lost_error": _wrong_address,
    "details_error": _wrong_details,
    "admin_links": _with_a_real_host,
}
# Several phones beside each other: the height, and what is shown.
ROWS: dict[str, tuple[int, Sequence[Shown]]] = {
    "languages_and_looks": (
        860, (("brand", PHONE), ("brand", DARK), ("choose", ARABIC), ("choose", GERMAN)),
    ),
    "after_the_button": (
        1000, (("on_its_way", PHONE), ("too_late", PHONE), ("bad_link", PHONE),
               ("lost_error", PHONE)),
    ),
    "profile_centre": (
        1500, (("centre", PHONE), ("details_error", PHONE), ("yours", PHONE)),
    ),
}  # fmt: skip
# One page each: what is shown, and the part of the page that is in the picture.
PAGES: dict[str, Shown] = {
    "choose_reason": ("choose", PHONE),
    "desktop": ("choose", Look(width=880, height=900, language="de")),
    "overview": ("admin_overview", Look(width=1280, height=1300)),
    "requests": ("admin_requests_chips", Look(width=1280, height=800)),
    "request": ("admin_request", Look(width=1280, height=900)),
    "send": ("admin_send", Look(width=1280, height=1300)),
    "alarm": ("admin_alarm", Look(width=1280, height=640)),
    "unit": ("admin_unit", Look(width=1280, height=900)),
    "texts": ("admin_texts", Look(width=1280, height=820)),
    "links": ("admin_links", Look(width=1280, height=1400)),
}


def take_for_docs(running: Browser, links: dict[str, str], folder: Path) -> None:
    """Write the pictures."""
    for name, (state, look) in PAGES.items():
        say(f"docs/images/{name}.png")
        one = Image.open(BytesIO(_take(running, links, state, look, whole=False)))
        _save(one.convert("RGB"), folder / f"{name}.png")
    for name, (height, shown) in ROWS.items():
        say(f"docs/images/{name}.png")
        taken = [_take(running, links, state, look, whole=True) for state, look in shown]
        _save(side_by_side(taken, height=height), folder / f"{name}.png")


def _save(image: Image.Image, path: Path) -> None:
    """Write a picture in 256 colours, which is a third of the bytes."""
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _take(running: Browser, links: dict[str, str], state: str, look: Look, *, whole: bool) -> bytes:
    """Return a picture of a state."""
    link, act = links[state], ACTS.get(state)
    if state.startswith("admin_"):
        link = links["done"].partition("/u/")[0] + link
        look = replace(look, cookie=links["admin_cookie"])
    with see(running, link, look, act=act, whole=whole) as page:
        taken: bytes = page.screenshot()
    return taken
