"""Find or install Chromium for the journeys; without it, the tests that need it fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATION = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# A slim machine without fonts draws boxes, which changes the layout.
PACKAGES = ("chromium", "fonts-dejavu-core")


def find() -> str | None:
    """Return the path of an installed Chromium or Chrome, or of Playwright's own, or None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if APPLICATION.exists():
        return str(APPLICATION)
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def ensure() -> str | None:
    """Return the path of a browser, installed if there was none, or None if that failed."""
    return find() or _install()


def _install() -> str | None:
    sys.stderr.write("browser: none found, installing Chromium ...\n")
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _try("apt-get", "update", "--quiet")
        _try("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *PACKAGES)
    if find() is None:
        _try(sys.executable, "-m", "playwright", "install", "chromium")
    return find()


def _try(*command: str) -> None:
    """Run a command and ignore its status: the caller checks for a browser afterwards."""
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(  # noqa: S603
        command, env=environ, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, timeout=900
    )
