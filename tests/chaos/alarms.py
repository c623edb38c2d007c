"""What a webhook was told about, compared with what is wrong at the end of a run."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from scripts.servers import HOST, free_port
from tests.chaos.lines import Line
from tests.chaos.world import World

WAIT_SECONDS = 180.0
# The causes that do not pass by themselves, with what an alarm has to say: unit, and how many.
LASTING = {
    "refused": """
        SELECT mid, count(*) FROM unsub_subscriberrequest
        WHERE status = 'refused' AND finished_at < give_up_at GROUP BY mid
    """,
    "late_call": """
        SELECT r.mid, count(*) FROM unsub_deliveryattempt a
        JOIN unsub_subscriberrequest r ON r.id = a.request_id
        WHERE a.late_at IS NOT NULL GROUP BY r.mid
    """,
}
RAISED = "SELECT cause, mid, number FROM unsub_alarm WHERE cleared_at IS NULL"
# Over once nothing is pending and nothing fails.
OPEN = """
    SELECT cause, mid FROM unsub_alarm
    WHERE cleared_at IS NULL AND cause IN ('late', 'held', 'circuit_open')
"""


class Webhook:
    """The receiver of the alarms: accepts every one."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep an alarm."""
                length = int(self.headers["Content-Length"])
                told.append(json.loads(self.rfile.read(length)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer((HOST, free_port()), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://{HOST}:{self._server.server_port}/"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class Alarms:
    """The alarms at the end of a run, when nothing is pending any more."""

    def __init__(self, world: World, webhook: Webhook) -> None:
        self._world = world
        self._webhook = webhook
        self._wanted = {
            (cause, mid, number)
            for cause, sql in LASTING.items()
            for mid, number in world.query(sql)
        }

    def lines(self) -> Iterator[Line]:
        """Yield the report's lines, once the workers have looked for alarms."""
        self._wait()
        missed, over = self._missed(), self._still_open()
        told = self._webhook.told
        yield Line(what="alarms told to the webhook", number=len(told), holds=bool(told))
        yield _none("alarms missed", missed)
        yield _none("alarms still open without a cause", over)
        yield self._repeated()

    def _wait(self) -> None:
        """Let a worker look for alarms, until all were told or the time is over."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            self._world.shell("from unsub.tasks import watch; watch.delay()")
            time.sleep(1.0)
            if not self._missed() and not self._still_open():
                return

    def _missed(self) -> list[str]:
        """Return the alarms that are not there with the right number, or of which the webhook was
        not told. It is told of a larger number only once an hour."""
        told = {(one["cause"], one["mid"]) for one in list(self._webhook.told)}
        raised = {alarm for alarm in self._world.query(RAISED) if alarm[:2] in told}
        return sorted(map(str, self._wanted - raised))

    def _still_open(self) -> list[str]:
        return [f"{cause} {mid}" for cause, mid in self._world.query(OPEN)]

    def _repeated(self) -> Line:
        """Return how many alarms were told with the same number more than once. Two processes that
        look at once leave an alarm to one of them, but a worker that is killed, or loses its
        database, cannot record what it has told: that explains a second time, and no third."""
        names = ("cause", "mid", "since", "state", "requests")
        told = Counter(tuple(one[name] for name in names) for one in self._webhook.told)
        often = tuple(f"{alarm} {number} times" for alarm, number in told.items() if number > 1)
        holds = all(number <= 2 for number in told.values())
        return Line(what="alarms told twice", number=len(often), holds=holds, which=often[:5])


def _none(what: str, wrong: list[str]) -> Line:
    return Line(what=what, number=len(wrong), holds=not wrong, which=tuple(wrong[:5]))
