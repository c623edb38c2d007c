"""One run: deployment, stream of requests, disturbances, and the final checks."""

import random
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from scripts.servers import Postgres, ServerError
from scripts.steps import say
from tests.chaos import disturbances
from tests.chaos.crowd import Crowd
from tests.chaos.ledger import Ledger
from tests.chaos.lines import Line
from tests.chaos.reconcile import OPEN, Reconciliation
from tests.chaos.stream import Stream
from tests.chaos.world import World
from tests.journeys.databases import create_database, prepare_database

Attempts = dict[int, str]
RATE, PEOPLE = 12.0, 0.8  # per second: single requests, and visitors of the profile centre
SETTLE_SECONDS = 300.0
# The columns of a finished attempt, compared to detect any change.
FINISHED = """
    SELECT id, md5(concat_ws('|', request_id, number, lease, started_at, finished_at, outcome,
                             status_code, error_code, detail, sfmc_request_id))
    FROM unsub_deliveryattempt WHERE finished_at IS NOT NULL
"""


@dataclass(kw_only=True)
class Report:
    """The report of a run."""

    seed: int
    seconds: float = 0.0
    steps: dict[str, list[float]] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    settled: float = 0.0
    spoilt: int = 0

    @property
    def holds(self) -> bool:
        """Whether every line holds."""
        return bool(self.lines) and all(line.holds for line in self.lines)

    def __str__(self) -> str:
        """Return the report as text, for a terminal and for docs/reliability.md."""
        rows = [f"seed {self.seed}, {self.seconds:.0f} s, settled in {self.settled:.0f} s", ""]
        rows += [
            f"| {'disturbance':<48} | times | accepted meanwhile |",
            f"| {'-' * 48} | ----: | -----------------: |",
        ]
        rows += [
            f"| {name:<48} | {len(times):>5} | {self.accepted[name]:>18} |"
            for name, times in self.steps.items()
        ]
        rows += [
            "",
            f"| {'reconciled from outside':<48} | number | |",
            f"| {'-' * 48} | -----: | --- |",
        ]
        rows += [
            f"| {line.what:<48} | {line.number:>6} | {'ok' if line.holds else 'FAIL'} |"
            for line in self.lines
        ]
        rows += [f"{line.what}: {one}" for line in self.lines for one in line.which]
        return "\n".join(rows)


def run(*, duration: float, seed: int, harm: float) -> Report:
    """Run for about `duration` seconds and return the report. Each disturbance lasts up to `harm`
    seconds: first each one once, then random ones."""
    report = Report(seed=seed)
    with tempfile.TemporaryDirectory(prefix="pc-chaos-") as name, closing(Postgres()) as postgres:
        postgres.start()
        address = postgres.url.rpartition("/")[0]
        create_database(address, "CREATE DATABASE chaos")
        # No one reads the confirmation emails here: subscriptions count without double opt-in.
        # Any link changes details here.
        centre = ("--profile-centre", "on", "--protects-details", "off")
        prepare_database(f"{address}/chaos", centre=centre)
        world = World(folder=Path(name), postgres=postgres, database=f"{address}/chaos")
        try:
            world.start()
            _disturb(world, report, duration=duration, harm=harm)
        finally:
            with suppress(ServerError, ProcessLookupError):
                world.wake()
            world.stop()
    return report


def _disturb(world: World, report: Report, *, duration: float, harm: float) -> None:
    """Send requests while one thing after another fails, then check the result."""
    ledger, dice = Ledger(), random.Random(report.seed)  # noqa: S311 - to be repeated
    stream = Stream(world, ledger, rate=RATE, seed=report.seed)
    crowd = Crowd(world, ledger, rate=PEOPLE, seed=report.seed)
    started = time.monotonic()
    stream.start()
    crowd.start()
    try:
        _one_after_another(world, report, ledger, dice, until=started + duration, harm=harm)
    finally:
        stream.stop()
        crowd.stop()
    report.seconds = time.monotonic() - started
    report.settled = _settle(world)
    report.lines += Reconciliation(world, ledger).lines()


def _one_after_another(
    world: World,
    report: Report,
    ledger: Ledger,
    dice: random.Random,
    *,
    until: float,
    harm: float,
) -> None:
    """Run one disturbance after another until the time is over."""
    finished: Attempts = {}
    for number, name in enumerate(_order(dice)):
        at = time.monotonic()
        # However slow the machine is, each disturbance happens once.
        if at > until and number >= len(disturbances.NAMES):
            break
        before = ledger.accepted()
        disturbances.NAMES[name].disturb(world, harm, dice)
        time.sleep(0.5)
        accepted = ledger.accepted() - before
        report.steps.setdefault(name, []).append(time.monotonic() - at)
        report.accepted[name] = report.accepted.get(name, 0) + accepted
        finished = _still_there(world, report, finished)
        say(f"[{until - time.monotonic():5.0f} s left] {name}: {accepted} accepted meanwhile")
    what = "finished attempts that vanished or changed"
    report.lines.append(Line(what=what, number=report.spoilt, holds=report.spoilt == 0))


def _order(dice: random.Random) -> list[str]:
    """Return the disturbances: each once in random order, then random ones."""
    names = list(disturbances.NAMES)
    return [*dice.sample(names, len(names)), *dice.choices(names, k=2000)]


def _still_there(world: World, report: Report, before: Attempts) -> Attempts:
    """Return the finished attempts, and count those in `before` that have changed or are
    missing."""
    now: Attempts = dict(world.query(FINISHED))
    report.spoilt += sum(now.get(key) != digest for key, digest in before.items())
    return now


def _settle(world: World) -> float:
    """Return the seconds until nothing was on its way any more, or until the time-out."""
    started = time.monotonic()
    while time.monotonic() - started < SETTLE_SECONDS:
        world.heal()
        with psycopg.connect(world.database, autocommit=True) as connection:
            row = connection.execute(OPEN).fetchone()
        if row == (0,) and world.spooled() == 0:
            break
        time.sleep(1.0)
    return time.monotonic() - started
