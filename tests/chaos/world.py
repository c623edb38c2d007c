"""The deployment under test: two workers, a PostgreSQL of its own, many subscribers."""

import signal
from contextlib import closing, suppress
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
HEAL = (
    "UPDATE unsub_businessunit SET paused_until = now() WHERE paused_until IS NOT NULL",
    "UPDATE unsub_unsubrequest SET next_attempt_at = now() WHERE status = 'pending'",
)


class World(Deployment):
    """A deployment that can be hurt."""

    def __init__(self, *, folder: Path, postgres: Postgres, database: str) -> None:
        self.postgres = postgres
        # When database and broker were both away, as seconds of the monotonic clock.
        self.both_away: list[tuple[float, float]] = []
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
                # It takes many rows at once, in no order: a worker may be in the way.
                with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                    connection.execute(statement)

    def letters(self) -> int:
        """Return how many wishes wait in the broker for the database."""
        with closing(redis.Redis.from_url(self.valkey.url)) as client:
            return int(client.llen("profilecenter:wishes"))

    def hang(self) -> None:
        """Stop PostgreSQL in its tracks: it accepts connections and answers nothing."""
        self.postgres.signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let PostgreSQL go on."""
        self.postgres.signal(signal.SIGCONT)
