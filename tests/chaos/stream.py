"""A steady stream of requests through all channels."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from tests.chaos import client
from tests.chaos.forms import Form
from tests.chaos.ledger import Asked, Ledger
from tests.journeys.deployment import CHILD, KIDS, KIDS_JOB, WEEKLY, Deployment
from unsub.domain.context import JobContext, Scope

KINDS = (
    "one_click", "one_click", "one_click", "page", "page", "everything", "master", "child",
    "thrice", "stranger", "undo", "profile",
)  # fmt: skip
STRANGER = 5_000_000


class Stream:
    """Sends `rate` requests a second until stopped. The random generator is seeded."""

    def __init__(self, deployment: Deployment, ledger: Ledger, *, rate: float, seed: int) -> None:
        self._deployment = deployment
        self._ledger = ledger
        self._pause = 1 / rate
        self._dice = random.Random(seed)  # noqa: S311 - to be repeated
        self._stop = Event()
        self._pool = ThreadPoolExecutor(32)
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the replies under way."""
        self._stop.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            asked = self._ledger.new(self._dice.choice(KINDS))
            self._pool.submit(self._ask, asked)

    def _ask(self, asked: Asked) -> None:
        path = urlsplit(self._link(asked)).path
        if asked.kind == "profile":
            self._unsubscribe_on_a_page(asked, path.replace("/u/", "/p/", 1))
            return
        if asked.kind == "thrice":
            with ThreadPoolExecutor(3) as pool:
                list(
                    pool.map(
                        lambda _: self._post(asked, path, "List-Unsubscribe=One-Click"), range(3)
                    )
                )
            return
        body = "form=page&reason=too-many" if asked.kind in {"page", "undo"} else ""
        body = "form=page&everything=1" if asked.kind == "everything" else body
        self._post(asked, path, body or "List-Unsubscribe=One-Click")
        if asked.kind == "undo" and asked.was_accepted:
            reply = client.post(self._deployment.page_url(), f"{path}/undo", "")
            asked.asked_to_undo = reply.status
            # No reply: the undo may have happened or not.
            asked.undone = None if reply.status != 303 else "late" not in reply.location

    def _unsubscribe_on_a_page(self, asked: Asked, path: str) -> None:
        """Unsubscribe from the email's list and keep the others. Where the page cannot show the
        lists, this one can still be unsubscribed from."""
        page = client.get(self._deployment.page_url(), path)
        self._ledger.look(page.answer)
        form = Form(page.text)
        for name, boxes in (("keep", form.ticked("keep")), ("leave", form.open("leave"))):
            if str(WEEKLY) in boxes:
                self._post(asked, path, form.toggled(name, str(WEEKLY)))

    def _link(self, asked: Asked) -> str:
        changes: dict[str, Any] = {}
        if asked.kind == "stranger":
            return self._deployment.link(STRANGER + asked.subscriber)
        if asked.kind == "child":
            job = JobContext(job_id=KIDS_JOB, list_id=KIDS, batch_id=0)
            changes = {"mid": CHILD, "job": job}
        if asked.kind == "master":
            changes = {"scope": Scope.ALL}
        if asked.kind == "profile":
            changes = {"issued_at": int(time.time())}
        return self._deployment.link(asked.subscriber, **changes)

    def _post(self, asked: Asked, path: str, body: str) -> None:
        reply = client.post(self._deployment.page_url(), path, body)
        self._ledger.note(asked, reply.answer)
