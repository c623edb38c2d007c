"""A steady stream of wishes from all channels."""

import http.client
import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.ledger import Answer, Asked, Ledger
from tests.journeys.deployment import CHILD, KIDS, KIDS_JOB, WEEKLY, Deployment
from unsub.context import JobContext, Scope

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KINDS = (
    "one_click", "one_click", "one_click", "page", "page", "everything", "master", "child",
    "thrice", "stranger", "undo", "profile",
)  # fmt: skip
STRANGER = 5_000_000
TIMEOUT = 30.0


class Stream:
    """Asks `rate` times a second until it is stopped; the dice are seeded."""

    def __init__(self, deployment: Deployment, ledger: Ledger, *, rate: float, seed: int) -> None:
        self._deployment = deployment
        self._ledger = ledger
        self._pause = 1 / rate
        self._dice = random.Random(seed)  # noqa: S311 - to be repeated
        self._stop = Event()
        self._pool = ThreadPoolExecutor(32)
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Stop asking, and wait for the answers under way."""
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
            # The list of the mail is unticked, the other one stays.
            kept = f"shown={WEEKLY}&shown={WEEKLY + 1}&keep={WEEKLY + 1}"
            self._post(asked, path.replace("/u/", "/p/", 1), kept)
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
            status, location = self._exchange(f"{path}/undo", "")
            asked.asked_to_undo = status
            # No answer: it may have been taken back or not.
            asked.undone = None if status != 303 else "late" not in location

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
        began = time.monotonic()
        status, _ = self._exchange(path, body)
        self._ledger.note(asked, Answer(status=status, began=began, ended=time.monotonic()))

    def _exchange(self, path: str, body: str) -> tuple[int, str]:
        """Return status and Location of the answer; 0 where none came."""
        address = urlsplit(self._deployment.url).netloc
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
        try:
            connection.request("POST", path, body, FORM)
            response = connection.getresponse()
            response.read()
            return response.status, response.headers.get("Location", "")
        except (OSError, http.client.HTTPException):
            # Nobody listens while gunicorn starts again: nothing was sent then, but who can tell.
            time.sleep(0.2)
            return 0, ""
        finally:
            connection.close()
