"""One run: deployment, stream of requests, disturbances, and the final checks."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from scripts.servers import ServerError
from scripts.steps import say
from tests.chaos import disturbances
from tests.chaos.alarms import Alarms, Webhook
from tests.chaos.crowd import Crowd
from tests.chaos.disk import DISK_FULL, READ_ONLY, ChaosPostgres
from tests.chaos.ledger import Ledger
from tests.chaos.lines import Line
from tests.chaos.reconcile import OPEN, SLOW, Reconciliation
from tests.chaos.stream import Stream
from tests.chaos.world import World
from tests.journeys.databases import prepare_database
from tests.pooler import PgBouncer

Attempts = dict[int, str]
RATE, PEOPLE = 12.0, 0.8  # per second: single requests, and visitors of the profile centre
SETTLE_SECONDS = 300.0
SESSIONS = 10  # of PostgreSQL, for all processes together, where a pooler is in between
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
    pooled: bool = False
    is_simulated: bool = False
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
        way = "through PgBouncer" if self.pooled else "without a pooler"
        rows = [f"seed {self.seed}, {self.seconds:.0f} s {way}, settled in {self.settled:.0f} s"]
        if self.is_simulated:
            rows.append("the full database is simulated: this process must not mount a file system")
        rows.append("")
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


def run(*, duration: float, seed: int, harm: float, pooled: bool, slow: float = SLOW) -> Report:
    """Run for about `duration` seconds and return the report. Each disturbance lasts up to `harm`
    seconds: first each one once, then random ones. `pooled` puts PgBouncer between the processes
    and PostgreSQL. No reply may take `slow` seconds: the least is for a machine of its own."""
    report = Report(seed=seed, pooled=pooled)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pc-chaos-")))
        postgres = stack.enter_context(closing(ChaosPostgres()))
        report.is_simulated = postgres.disk.is_simulated
        postgres.start()
        address = postgres.url.rpartition("/")[0]
        database = f"{address}/chaos"
        postgres.disk.create_database(address, "chaos")
        # No one reads the confirmation emails here: subscriptions count without double opt-in.
        # Any link changes details here.
        centre = ("--profile-centre", "on", "--protects-details", "off")
        prepare_database(database, centre=centre)
        postgres.disk.migrated(database)
        webhook = stack.enter_context(closing(Webhook()))
        settings = {"ALERT_WEBHOOK_URL": webhook.url, "ALERT_WEBHOOK_SECRET": "chaos-" * 8}
        pooler = _started_pooler(stack, database) if pooled else None
        world = World(
            folder=folder, postgres=postgres, database=database, pooler=pooler, settings=settings
        )
        try:
            world.start()
            _disturb(world, report, duration=duration, harm=harm, slow=slow)
            report.lines += Alarms(world, webhook).lines()
            report.lines += _refusals(postgres)
        finally:
            with suppress(ServerError, ProcessLookupError):
                world.wake()
            world.stop()
    return report


def _started_pooler(stack: ExitStack, database: str) -> PgBouncer:
    pooler = stack.enter_context(closing(PgBouncer(database, sessions=SESSIONS)))
    pooler.start()
    return pooler


def _refusals(postgres: ChaosPostgres) -> Iterator[Line]:
    """Yield how much the database has refused: none would mean that nothing was disturbed."""
    for what, words in (
        ("read-only", READ_ONLY), ("full", DISK_FULL),
    ):  # fmt: skip
        number = postgres.refusals(words)
        yield Line(what=f"refused by a {what} database", number=number, holds=number > 0)


def _disturb(world: World, report: Report, *, duration: float, harm: float, slow: float) -> None:
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
    report.lines += Reconciliation(world, ledger, slow=slow).lines()


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
    names = disturbances.names(pooled=report.pooled)
    for number, name in enumerate(_order(dice, names)):
        at = time.monotonic()
        # However slow the machine is, each disturbance happens once.
        if at > until and number >= len(names):
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


def _order(dice: random.Random, names: list[str]) -> list[str]:
    """Return the disturbances: each once in random order, then random ones."""
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
