"""Wait until everything that `make run` started answers, then say where it is."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from celery import Celery

from .environment import FILE, Ports
from .servers import HOST
from .steps import ROOT, say

PATIENCE = 2.0  # seconds between two words of progress
RULE = "=" * 78


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is waited for, and what is said then."""

    ports: Ports
    links: dict[str, str]
    password: str

    def run(self) -> None:
        """Write a word of progress every two seconds, and the banner once all answer."""
        waiting = self._probes()
        said = time.monotonic()
        while waiting:
            waiting = {name: probe for name, probe in waiting.items() if not probe()}
            if waiting and time.monotonic() - said > PATIENCE:
                say(f"run: waiting for {', '.join(waiting)} ...")
                said = time.monotonic()
            time.sleep(0.1)
        say(self.banner())

    def _probes(self) -> dict[str, Callable[[], bool]]:
        return {
            "the sandbox": lambda: answers(f"http://{HOST}:{self.ports.sandbox}/healthz"),
            "the pages": lambda: answers(f"http://{HOST}:{self.ports.web}/readyz"),
            "the worker": lambda: worker_answers(f"redis://{HOST}:{self.ports.redis}/0"),
        }

    def banner(self) -> str:
        """Return the addresses, one a line, in the order in which a newcomer tries them."""
        web = f"http://localhost:{self.ports.web}"
        *pages, (last, one_click) = self.links.items()
        env = os.path.relpath(FILE, ROOT)
        return "\n".join(
            [
                RULE,
                "Profile Center is running. Open a link, press the button, look at the sandbox.",
                "",
                *(f"{who}:\n  {link}" for who, link in pages),
                f"{last} (RFC 8058), as a mail client does it:",
                f"  curl -i -d List-Unsubscribe=One-Click {one_click}",
                "",
                f"The sandbox, where the UnsubEvents show up:  http://localhost:{self.ports.sandbox}/",
                f"The admin:  {web}/admin/   user: admin   password: {self.password}",
                'Commands:   make manage ARGS="export_audit --format csv"',
                f"Settings of this run: {env}. Ctrl-C stops everything.",
                RULE,
            ]
        )


def answers(url: str) -> bool:
    """Return whether a GET of this address is answered with 200 within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def worker_answers(broker: str) -> bool:
    """Return whether a Celery worker answers a ping within half a second."""
    try:
        with Celery(broker=broker, set_as_current=False) as app:
            return bool(app.control.ping(timeout=0.5))
    except OSError:
        return False
