"""axe-core, run on a page in a browser."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page, part: str) -> list[str]:
    """Return axe-core's findings in a part of the page, given as a CSS selector."""
    # With its styles: sizes and colors are looked at, too.
    page.wait_for_load_state()
    page.evaluate(AXE)
    found = page.evaluate("([part, rules]) => axe.run(part, {runOnly: rules})", [part, RULES])
    return [
        f"{one['id']}: {one['help']} {[node['html'][:140] for node in one['nodes']][:3]}"
        for one in found["violations"]
    ]
