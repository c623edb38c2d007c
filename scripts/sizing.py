"""The table of docs/operations/sizing.md, from the figures measured in docs/performance.md and
docs/scale.md.

    python -m scripts.sizing                                        the table
    python -m scripts.sizing --emails 250e6 --unsubscribes 0.5      a row for your own figures
"""

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import ceil

from .steps import ROOT, say

MONTHS = (10**6, 10**7, 10**8, 10**9, 10**10)  # emails a month
DAYS, DAY, HOUR = 30, 86_400, 3_600
# Take half of what was measured, so that a restart and a bad day fit.
HEADROOM = 2
CORES, PROCESSES, THREADS = 2, 5, 4  # of a machine for web: gunicorn has 2 x cores + 1 processes
WORKER_THREADS = 24  # WORKER_CONCURRENCY
OTHER_CONNECTIONS = 6  # beat, migrate, an administrator, and three that PostgreSQL reserves
CALLS = 15  # SFMC_CONCURRENCY less SFMC_PAGE_CONCURRENCY
BATCH = 20  # SFMC_BATCH_SIZE
CALL_SECONDS = 0.3
SPOOL_MIB = 512  # of Redis, at least: what Compose gives it
# Up to here one machine has everything; from there on two of each, so that one may fail.
ONE_MACHINE = 10**8
HEAD = (
    "emails a month", "unsubscribes a day", "in the busiest second", "pages in that second",
    "web: cores", "web: machines", "workers", "connections", "Redis, MiB", "disk a year, GiB",
    "a day's unsubscribes at once take",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Milliseconds of CPU for a one-click, a page and a delivered request; KiB on the disk for a
    request, and in Redis for one that is spooled; how many times the mean the busiest second has;
    percentages of recipients who unsubscribe, and of emails whose link a scanner opens."""

    one_click: float
    page: float
    delivery: float
    disk: float
    spool: float
    peak: float
    unsubscribes: float
    scanners: float


@cache
def measured() -> Measured:
    """Return the figures of the documents. Raises ValueError where one of them is missing."""
    performance, scale = "docs/performance.md", "docs/scale.md"
    words = {"ten": 10.0}
    return Measured(
        # The fifth number of the row: the CPU of the web processes, now.
        one_click=_cell(performance, "one-click, new", 5),
        page=_cell(performance, "unsubscribe page", 5),
        delivery=float(_find(performance, r"^\| 0\.3 s \|.*\| ([\d.]+) ms \| [\d.]+ ms \|$")),
        disk=float(_find(scale, r"^\| a request with its attempt.* about ([\d.]+) KiB")),
        spool=float(_find(scale, r"^\| a request in the spool \| ([\d.]+) KiB")),
        peak=words[_find(scale, r"the busiest minute has (\w+)\s+times")],
        unsubscribes=float(_find(scale, r"([\d.]+) % of the recipients unsubscribe")),
        scanners=float(_find(scale, r"open the link of ([\d.]+) % of the emails")),
    )


def _find(document: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ValueError(f"{document} has nothing like {pattern}")
    return found[1]


def _cell(document: str, row: str, number: int) -> float:
    """Return a cell of a table, by the beginning of its row."""
    cells = _find(document, rf"^\| {row} \|(.+)\|$").split("|")
    return float(cells[number - 1].strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a number of emails a month needs, by what was measured."""

    emails: float
    figures: Measured

    @property
    def unsubscribes(self) -> float:
        """Unsubscribes a day."""
        return self.emails / DAYS * self.figures.unsubscribes / 100

    @property
    def peak(self) -> float:
        """Unsubscribes in the busiest second."""
        return self.unsubscribes / DAY * self.figures.peak

    @property
    def pages(self) -> float:
        """Pages in the busiest second: those of scanners, and one for each unsubscribe."""
        share = (self.figures.scanners + self.figures.unsubscribes) / 100
        return self.emails / DAYS * share / DAY * self.figures.peak

    @property
    def cores(self) -> float:
        """Cores for web in the busiest second."""
        milliseconds = self.peak * self.figures.one_click + self.pages * self.figures.page
        return milliseconds / 1000 * HEADROOM

    @property
    def machines(self) -> int:
        """Machines for web."""
        return max(1 if self.emails <= ONE_MACHINE else 2, ceil(self.cores / CORES))

    @property
    def workers(self) -> int:
        """Workers: one has a core."""
        by_cpu = ceil(self.peak * self.figures.delivery / 1000 * HEADROOM)
        return max(1 if self.emails <= ONE_MACHINE else 2, by_cpu)

    @property
    def connections(self) -> int:
        """Connections to PostgreSQL, without a pooler."""
        web = self.machines * PROCESSES * THREADS
        return web + self.workers * WORKER_THREADS + OTHER_CONNECTIONS

    @property
    def redis(self) -> int:
        """MiB of Redis: twice what the busiest hour spools while the database is away."""
        spooled = self.peak * HOUR * self.figures.spool / 1024
        return max(SPOOL_MIB, ceil(2 * spooled))

    @property
    def disk(self) -> float:
        """GiB of PostgreSQL's disk for the requests of a year."""
        return self.unsubscribes * 365 * self.figures.disk / 2**20

    @property
    def drain(self) -> float:
        """Seconds in which Marketing Cloud takes the unsubscribes of a day, in full messages."""
        return self.unsubscribes / (CALLS * BATCH / CALL_SECONDS)

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            f"{self.emails:,.0f}", _rounded(self.unsubscribes), _rounded(self.peak),
            _rounded(self.pages), f"{max(self.cores, 0.1):.1f}", str(self.machines),
            str(self.workers), str(self.connections), f"{self.redis:,}", _rounded(self.disk),
            _time(self.drain),
        )  # fmt: skip


def _rounded(number: float) -> str:
    """Return a number with two digits that count, and no fraction beyond ten."""
    if number >= 10:
        return f"{number:,.0f}"
    return f"{number:.2g}" if number >= 1 else f"{number:.1g}"


def _time(seconds: float) -> str:
    return f"{ceil(seconds)} s" if seconds < 60 else f"{ceil(seconds / 60)} min"


def table(sizes: Iterable[Size]) -> str:
    """Return the table in Markdown."""
    rows = [HEAD, ("---:",) * len(HEAD), *(size.cells() for size in sizes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(arguments: list[str]) -> int:
    """Print the table, or a row for the numbers that were given."""
    known = measured()
    parser = argparse.ArgumentParser(prog="python -m scripts.sizing")
    parser.add_argument("--emails", type=float, nargs="+", default=MONTHS, help="a month")
    for name, what in (
        ("unsubscribes", "%% of recipients"),
        ("scanners", "%% of emails"),
        ("peak", "times the mean"),
    ):
        parser.add_argument(f"--{name}", type=float, default=getattr(known, name), help=what)
    options = parser.parse_args(arguments)
    figures = Measured(
        one_click=known.one_click, page=known.page, delivery=known.delivery, disk=known.disk,
        spool=known.spool, peak=options.peak, unsubscribes=options.unsubscribes,
        scanners=options.scanners,
    )  # fmt: skip
    say(table(Size(emails=number, figures=figures) for number in options.emails))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
