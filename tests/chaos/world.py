"""The deployment under test: two workers, a PostgreSQL of its own, many subscribers."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import redis

from scripts.servers import Postgres
from tests.journeys.deployment import Deployment
from tests.journeys.processes import Process

SETTINGS = {
    "SFMC_TIMEOUT": "3",
    "LEASE_SECONDS": "8",
    "SWEEP_SECONDS": "1",
    "UNDO_SECONDS": "2",
    "SFMC_BATCH_SIZE": "5",
    "LOG_LEVEL": "WARNING",
}
SUBSCRIBERS = 120_000
# As if the rests, the waits and the probes' pauses had passed: maintenance alone is five minutes.
# Each by itself, and past what is locked: healing must not get into a deadlock with a worker.
HEAL = (
    """
    UPDATE unsub_businessunit SET paused_until = least(paused_until, now()),
                                  singly_until = least(singly_until, now())
        WHERE mid IN (SELECT mid FROM unsub_businessunit
                      WHERE paused_until > now() OR singly_until > now() FOR UPDATE SKIP LOCKED)
    """,
    """
    UPDATE unsub_unsubrequest SET next_attempt_at = now() WHERE id IN
        (SELECT id FROM unsub_unsubrequest WHERE status = 'pending' AND next_attempt_at > now()
         FOR UPDATE SKIP LOCKED)
    """,
)


class World(Deployment):
    """A deployment that can be hurt."""

    def __init__(self, *, folder: Path, postgres: Postgres, database: str) -> None:
        self.postgres = postgres
        # When database and broker were both away, as seconds of the monotonic clock.
        self.both_away: list[tuple[float, float]] = []
        # When gunicorn was down, in the same way.
        self.web_away: list[tuple[float, float]] = []
        self._alarm_clock: subprocess.Popen[bytes] | None = None
        super().__init__(database=database, folder=folder, settings=SETTINGS)
        self.second = self._processes["second"]

    def _commands(self) -> dict[str, list[str]]:
        commands = super()._commands()
        commands["sandbox"] += ["--subscribers", str(SUBSCRIBERS)]
        commands["second"] = [*commands["worker"], "--hostname", "second@%h"]
        return commands

    @property
    def workers(self) -> tuple[Process, Process]:
        """Both workers."""
        return self.worker, self.second

    def restart(self, process: Process) -> None:
        """Kill a process and start it again."""
        process.kill()
        process.start()

    def heal(self) -> None:
        """Make whatever waits due."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            for statement in HEAL:
                connection.execute(statement)

    def letters(self) -> int:
        """Return how many wishes wait in the broker for the database."""
        with closing(redis.Redis.from_url(self.valkey.url)) as client:
            return int(client.llen("profilecenter:wishes"))

    @contextmanager
    def without_web(self) -> Iterator[None]:
        """Remember that nobody listens within the block, and wait until somebody does again."""
        began = time.monotonic()
        try:
            yield
            self.wait_for_web()
        finally:
            self.web_away.append((began, time.monotonic()))

    def hang(self, seconds: float) -> None:
        """Stop PostgreSQL in its tracks: it accepts connections and answers nothing.

        What is stopped cannot end either, so something else wakes it should we be killed
        meanwhile: a few seconds after `seconds`.
        """
        self.postgres.signal(signal.SIGSTOP)
        family = " ".join(map(str, (self.postgres.pid, *self.postgres.children())))
        wake = f"sleep {seconds + 10:.0f}; kill -CONT {family}"
        self._alarm_clock = subprocess.Popen(["sh", "-c", wake], start_new_session=True)

    def wake(self) -> None:
        """Let PostgreSQL go on."""
        self.postgres.signal(signal.SIGCONT)
        if self._alarm_clock:
            os.killpg(self._alarm_clock.pid, signal.SIGKILL)
            self._alarm_clock.wait()
            self._alarm_clock = None
