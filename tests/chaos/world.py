"""The deployment under test: two web servers, of which one has another clock, two workers, its own
PostgreSQL, many subscribers."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count, cycle
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from scripts.ready import answers
from scripts.servers import HOST, free_port
from tests.chaos import half_sent
from tests.chaos.disk import ChaosPostgres
from tests.journeys.deployment import Deployment
from tests.journeys.processes import Process, wait_for
from tests.pooler import PgBouncer
from unsub.infra.spool_queue import SpoolQueue

LEASE_SECONDS = 8
SETTINGS = {
    "SFMC_TIMEOUT": "3",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "SWEEP_SECONDS": "1",
    "UNDO_SECONDS": "2",
    "SFMC_BATCH_SIZE": "5",
    "LOG_LEVEL": "WARNING",
}
SUBSCRIBERS = 120_000
CLOCK_AHEAD = 600  # seconds, of the second web server
CLOCK = Path(__file__).parent / "clock"
# As if circuits, backoff and probe intervals had elapsed: maintenance alone is five minutes. Row by
# row, skipping locked rows, so that healing cannot deadlock with a worker.
HEAL = (
    """
    UPDATE unsub_queuestate SET paused_until = least(paused_until, now()),
                                singly_until = least(singly_until, now())
        WHERE mid IN (SELECT mid FROM unsub_queuestate
                      WHERE paused_until > now() OR singly_until > now() FOR UPDATE SKIP LOCKED)
    """,
    """
    UPDATE unsub_subscriberrequest SET next_attempt_at = now() WHERE id IN
        (SELECT id FROM unsub_subscriberrequest WHERE status = 'pending' AND next_attempt_at > now()
         FOR UPDATE SKIP LOCKED)
    """,
)


class World(Deployment):
    """A deployment with parts that can be stopped."""

    def __init__(
        self, *, folder: Path, postgres: ChaosPostgres, database: str, pooler: PgBouncer | None,
        settings: Mapping[str, str],
    ) -> None:  # fmt: skip
        """With a pooler, the processes use the database through it; what a run looks at for itself
        it reads directly."""
        self.postgres = postgres
        self.pooler = pooler
        # Periods when database and broker were both away, in seconds of the monotonic clock.
        self.both_away: list[tuple[float, float]] = []
        # Periods when gunicorn was down.
        self.web_away: list[tuple[float, float]] = []
        # How often the spool was not empty for a minute, although database and broker were up.
        self.spool_not_read = 0
        # Statuses of the responses to half-sent requests, and how many of those were sent.
        self.half_answers: list[int] = []
        self.half_sent = 0
        self._half_numbers = count(half_sent.FIRST)
        self._alarm_clock: subprocess.Popen[bytes] | None = None
        through = {"DATABASE_URL": pooler.url, "DATABASE_POOLER": "true"} if pooler else {}
        own = SETTINGS | through | dict(settings)
        super().__init__(database=database, folder=folder, settings=own)
        self.second = self._processes["second"]
        address = f"{HOST}:{free_port()}"
        self.ahead_url = f"http://{address}"
        command = [*self.web.command[:-1], address]  # the last argument of --bind
        self.ahead = Process("ahead", command, environ=self._environ_ahead(), folder=folder)
        self._processes["ahead"] = self.ahead
        self._urls = cycle((self.url, self.ahead_url))
        self._schedule = folder / "second-schedule"
        self.second_beat = Process(
            "second-beat", self.beat.command, folder=folder,
            environ=self.environ | {"CELERY_BEAT_SCHEDULE": str(self._schedule)},
        )  # fmt: skip

    def _environ_ahead(self) -> dict[str, str]:
        """Return the environment of a web server whose clock is ahead: `sitecustomize` sets it."""
        metrics = self.folder / "metrics-ahead"
        metrics.mkdir(exist_ok=True)
        return self.environ | {
            "CLOCK_AHEAD": str(CLOCK_AHEAD),
            "PYTHONPATH": str(CLOCK),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }

    def page_url(self) -> str:
        """Return the addresses of the two web servers in turn, as a load balancer does."""
        return next(self._urls)

    def wait_for_web(self) -> None:
        """Wait until both web servers, their database and their broker answer."""
        super().wait_for_web()
        self._wait("ahead", lambda: answers(f"{self.ahead_url}/readyz"))

    @property
    def webs(self) -> tuple[Process, Process]:
        """Both web servers."""
        return self.web, self.ahead

    def _commands(self) -> dict[str, list[str]]:
        commands = super()._commands()
        commands["sandbox"] += ["--subscribers", str(SUBSCRIBERS)]
        commands["second"] = [*commands["worker"], "--hostname", "second@%h"]
        return commands

    @property
    def workers(self) -> tuple[Process, Process]:
        """Both workers."""
        return self.worker, self.second

    def start_second_beat(self) -> None:
        """Start another beat beside the one that runs, and wait until it has read its schedule."""
        for file in self._second_schedules():
            file.unlink()
        self.second_beat.start()
        wait_for("second beat", self._second_schedules)

    def _second_schedules(self) -> list[Path]:
        return list(self.folder.glob(f"{self._schedule.name}*"))

    def stop(self) -> None:
        """Stop everything; the logs stay in `folder`."""
        self.second_beat.kill()
        super().stop()

    def send_half(self, url: str, seconds: float) -> None:
        """Send half-sent requests to a web server for `seconds`."""
        numbers = [next(self._half_numbers) for _ in range(2 * half_sent.CONNECTIONS)]
        paths = [urlsplit(self.link(number)).path for number in numbers]
        self.half_sent += len(paths)
        self.half_answers += half_sent.send(url, paths, seconds)

    def restart(self, process: Process) -> None:
        """Kill a process and start it again."""
        process.kill()
        process.start()

    def heal(self) -> None:
        """Make everything that waits due now."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            for statement in HEAL:
                connection.execute(statement)

    def spooled(self) -> int:
        """Return the number of requests in the spool."""
        with closing(redis.Redis.from_url(self.valkey.url)) as client:
            return sum(size.number for size in SpoolQueue(client).sizes().values())

    @contextmanager
    def without_web(self) -> Iterator[None]:
        """Record that the web is down within the block, then wait until it answers again."""
        began = time.monotonic()
        try:
            yield
            self.wait_for_web()
        finally:
            self.web_away.append((began, time.monotonic()))

    def hang(self, seconds: float) -> None:
        """Suspend PostgreSQL for `seconds`: it accepts connections and does not answer.

        A suspended process cannot be stopped either, so a separate process resumes it a few seconds
        after `seconds`, in case this one is killed meanwhile.
        """
        self.postgres.signal(signal.SIGSTOP)
        family = " ".join(map(str, (self.postgres.pid, *self.postgres.children())))
        wake = f"sleep {seconds + 10:.0f}; kill -CONT {family}"
        self._alarm_clock = subprocess.Popen(["sh", "-c", wake], start_new_session=True)

    def wake(self) -> None:
        """Resume PostgreSQL."""
        self.postgres.signal(signal.SIGCONT)
        if self._alarm_clock:
            os.killpg(self._alarm_clock.pid, signal.SIGKILL)
            self._alarm_clock.wait()
            self._alarm_clock = None
