"""Wait until all processes of `make run` answer, then print their URLs."""

import os
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

import redis
from celery import Celery
from kombu.exceptions import KombuError

from .environment import FILE, Ports
from .servers import HOST
from .steps import ROOT, say

PATIENCE = 2.0  # seconds between two progress messages
RULE = "=" * 78
# By default kombu tries for six seconds and raises, and waits forever for a silent broker.
IMPATIENT = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 2}
# Local URLs are opened directly, whatever proxy the machine is configured for.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The processes to wait for, and the banner to print then."""

    ports: Ports
    links: dict[str, str]
    password: str

    def run(self) -> None:
        """Print progress every two seconds, and the banner once all answer."""
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
        """Return the URLs, one per line, in the order in which newcomers try them."""
        web = f"http://localhost:{self.ports.web}"
        *pages, (last, one_click) = self.links.items()
        env = os.path.relpath(FILE, ROOT)
        return "\n".join(
            [
                RULE,
                "Profile Center is running. Open a link, press the button, look at the sandbox.",
                "",
                *(f"{who}:\n  {link}" for who, link in pages),
                f"{last} (RFC 8058), as an email client sends it:",
                f"  curl -i -d List-Unsubscribe=One-Click {one_click}",
                "",
                f"The sandbox, which shows the UnsubEvents:  http://localhost:{self.ports.sandbox}/",
                f"The admin:  {web}/admin/   user: admin   password: {self.password}",
                "  Its charts show sample data. To begin without any: make run ARGS=--empty",
                "  Without a second factor here (SECOND_FACTOR=false); a deployment requires one.",
                'Commands:   make manage ARGS="export_audit --format csv"',
                f"Settings of this run: {env}. Ctrl-C stops everything.",
                RULE,
            ]
        )


def eventually(what: str, probe: Callable[[], bool], *, seconds: float = 180.0) -> None:
    """Wait until the probe says yes. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Return whether a GET of this URL is answered with 200 within two seconds."""
    try:
        with _open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False


def worker_answers(broker: str) -> bool:
    """Return whether a Celery worker answers a ping within a second. False also if the broker does
    not listen yet, is loading, or does not answer: the caller tries again."""
    try:
        with Celery(broker=broker, set_as_current=False) as app:
            app.conf.broker_transport_options = IMPATIENT
            return bool(app.control.ping(timeout=1, limit=1))
    except (OSError, KombuError, redis.RedisError):
        return False
