"""Take pictures of every page for recipients.

    python -m scripts.screenshots [FOLDER]        default: var/screenshots

Each state in four languages, on a phone and on a desktop, light and dark: real gunicorn, its own
database, a real browser.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from . import browser
from .ready import answers
from .servers import HOST, Valkey, free_port
from .steps import ROOT, say, tool

LANGUAGES = ("en", "de", "ar", "ja")
SIZES = {"phone": (390, 844), "desktop": (1100, 900)}
# In Django's shell, because models cannot be imported before Django is set up.
MAKE_STATES = "from scripts import states; states.main()"
STATES = (
    "choose", "choose_everything", "error", "on_its_way", "done", "again", "withdrawn", "refused",
    "told", "too_late", "test", "bad_link", "not_found", "lost", "lost_error", "brand",
    "centre", "forwarded", "centre_asked", "centre_away", "centre_old", "details", "details_error",
    "yours", "new_link", "confirm", "confirm_over",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write every picture; return 0."""
    folder = Path(arguments[0]) if arguments else ROOT / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as name,
        _site(Path(name)) as links,
        sync_playwright() as playwright,
    ):
        running = playwright.chromium.launch(
            executable_path=browser.ensure(), args=["--no-sandbox", "--disable-gpu"]
        )
        for at, state in enumerate(STATES, start=1):
            say(f"[{at}/{len(STATES)}] {state}")
            _take_all(running, state, links[state], folder)
        running.close()
        (folder / "bytes.md").write_text(_weigh(links) + "\n")
    say(f"pictures in {folder}")
    return 0


def _take_all(running: Browser, state: str, link: str, folder: Path) -> None:
    """Take a state in every language, size and scheme."""
    for language in LANGUAGES:
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                context = running.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                    locale=language,
                )
                page = context.new_page()
                page.goto(link)
                if state in ERRORS:
                    ERRORS[state](page)
                # As high as the page, so that the sticky button is at its end.
                whole = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({"width": width, "height": max(height, whole)})
                page.screenshot(path=folder / f"{state}-{language}-{size}-{scheme}.png")
                context.close()


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


@contextmanager
def _site(folder: Path) -> Iterator[dict[str, str]]:
    """Yield a link for each state while a site serves them."""
    port, sandbox_port = free_port(), free_port()
    sandbox_url = f"http://{HOST}:{sandbox_port}"
    with closing(Valkey()) as valkey:
        valkey.start()
        environ = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
            "PUBLIC_URL": f"http://{HOST}:{port}",
            "ALLOWED_HOSTS": "garden.example.com",
            "UNDO_SECONDS": "600",
            "SFMC_AUTH_URL": sandbox_url,
            "SFMC_SOAP_URL": sandbox_url,
            "SFMC_CLIENT_ID": "sandbox",
            "SFMC_CLIENT_SECRET": "sandbox",
            "SFMC_ACCOUNT_ID": "510001",
            "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
        }
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", MAKE_STATES]
        prepared = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=environ, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        sandbox = [sys.executable, "manage.py", "sandbox", "--port", str(sandbox_port)]
        command = [tool("gunicorn"), "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"]
        with subprocess.Popen(  # noqa: S603
            sandbox, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        ) as cloud, subprocess.Popen(  # noqa: S603
            [*command, "--bind", f"{HOST}:{port}", "--workers", "1", "--log-level", "error"],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL,
        ) as web:  # fmt: skip
            try:
                while not answers(f"http://{HOST}:{port}/healthz"):
                    web.poll()
                while not answers(f"{sandbox_url}/healthz"):
                    cloud.poll()
                yield json.loads(prepared.stdout.splitlines()[-1])
            finally:
                web.terminate()
                cloud.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
