"""Pictures of pages in a browser, and sheets of several side by side."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urljoin

from PIL import Image
from playwright.sync_api import Browser, Page

Scheme: TypeAlias = Literal["light", "dark"]
GAP, GROUND = 16, "#9aa0a9"
TALLEST = 5000  # pixels of a page; longer ones are cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a page is looked at with. With `cookie`, a session, as that user of the admin."""

    width: int
    height: int
    scheme: Scheme = "light"
    language: str = "en"
    cookie: str = ""


@contextmanager
def see(
    running: Browser, link: str, look: Look, *, act: Callable[[Page], None] | None = None,
    whole: bool = True,
) -> Iterator[Page]:  # fmt: skip
    """Yield the page of a link, after `act`; if `whole`, in a window as high as the page, so that
    what sticks to the window's end is at the page's."""
    context = running.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        locale=look.language,
    )
    if look.cookie:
        # For the whole host: a preview is in another folder than the page that shows it.
        host = urljoin(link, "/")
        context.add_cookies([{"name": "sessionid", "value": look.cookie, "url": host}])
    page = context.new_page()
    page.goto(link, wait_until="networkidle" if look.cookie else "load")
    if page.locator("iframe").count():  # a preview
        page.frame_locator("iframe").first.locator("h1").first.wait_for()
    if act:
        act(page)
    if whole:
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        height = min(max(look.height, height), TALLEST)
        page.set_viewport_size({"width": look.width, "height": height})
    try:
        yield page
    finally:
        context.close()


def side_by_side(pictures: Sequence[bytes], *, height: int) -> Image.Image:
    """Return pictures beside each other, each cut at `height`."""
    images = [Image.open(BytesIO(one)).convert("RGB") for one in pictures]
    images = [one.crop((0, 0, one.width, min(one.height, height))) for one in images]
    width = sum(one.width for one in images) + GAP * (len(images) - 1)
    canvas = Image.new("RGB", (width, height), GROUND)
    at = 0
    for one in images:
        canvas.paste(one, (at, 0))
        at += one.width + GAP
    return canvas


def sheet(files: Sequence[Path], target: Path, *, width: int, columns: int = 5) -> None:
    """Write one picture of many, each `width` pixels wide, in rows."""
    images = [Image.open(one).convert("RGB") for one in files if one.exists()]
    images = [one.resize((width, one.height * width // one.width)) for one in images]
    rows = [images[at : at + columns] for at in range(0, len(images), columns)]
    heights = [max(one.height for one in row) for row in rows]
    size = (columns * (width + GAP), sum(heights) + GAP * len(rows))
    canvas = Image.new("RGB", size, GROUND)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for at, one in enumerate(row):
            canvas.paste(one, (at * (width + GAP), top))
        top += height + GAP
    canvas.save(target)
