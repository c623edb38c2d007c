"""Measure whether memory grows with the work: `make bench-memory`.

    python -m scripts.bench_memory [--rows ROWS] [--seconds SECONDS]    default: 1,000,000; 360

Three processes, each over ROWS rows, the resident memory of each as it goes on:

- a worker, started as docker-compose.yml starts it, that delivers a backlog to a stand-in which
  answers at once. It is stopped after SECONDS: a worker delivers some hundred requests a second.
- manage.py sign_links over a file of so many lines.
- manage.py export_audit of the same rows, delivered or not.

Prints a table, and the growth: the most after the first part of the work, as a multiple of what it
was then. Writes var/bench/memory.json; returns 1 where something grew by more than MOST.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from .bench_delivery import DONE, in_shell, running_worker, worker_environ
from .bench_vendor import vendor
from .servers import Postgres, Valkey
from .steps import ROOT, say

MOST = 1.3
POINTS = 10  # lines of the table for each process
WARM = 0.1  # of the work: after it a process has loaded what it needs
OUTPUT = ROOT / "var" / "bench" / "memory.json"


@dataclass(frozen=True, slots=True)
class Point:
    """The resident memory of a process when it had done so much."""

    done: int
    mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What was seen of one process, from the first look to the last."""

    title: str
    points: list[Point]

    @property
    def growth(self) -> float:
        """The most after the warm-up, as a multiple of what it was at its end."""
        warm = self.points[-1].done * WARM
        after = [one.mib for one in self.points if one.done >= warm]
        return max(after) / after[0]

    def thinned(self) -> Iterator[Point]:
        """Yield at most POINTS + 1 of the points, evenly over the work."""
        step, due = self.points[-1].done / POINTS, 0.0
        for point in self.points:
            if point.done >= due or point is self.points[-1]:
                yield point
                due = (point.done // step + 1) * step


def main(arguments: list[str]) -> int:
    """Print the tables; return 0, or 1 where memory grew."""
    parser = argparse.ArgumentParser(prog="bench_memory")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=360.0)
    options = parser.parse_args(arguments)
    curves = []
    for curve in _measure(options.rows, options.seconds):
        _print(curve)
        curves.append(curve)
    found = [asdict(curve) | {"growth": curve.growth} for curve in curves]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    return int(any(curve.growth > MOST for curve in curves))


def _measure(rows: int, seconds: float) -> Iterator[Curve]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Postgres()) as postgres,
        closing(Valkey()) as valkey,
        vendor(0.0) as stand_in,
    ):
        postgres.start()
        valkey.start()
        environ = worker_environ(postgres, valkey, stand_in)
        say(f"writing {rows:,} requests ...")
        in_shell(environ, f"insert({rows})")
        with psycopg.connect(postgres.url, autocommit=True) as database:
            yield _worker(environ, valkey, database, rows, seconds)
        yield _links(environ, Path(folder), rows)
        yield _export(environ, Path(folder), rows)


def _worker(
    environ: dict[str, str], valkey: Valkey, database: psycopg.Connection[tuple[float, ...]],
    rows: int, seconds: float,
) -> Curve:  # fmt: skip
    def done() -> int:
        row = database.execute(DONE).fetchone()
        return int(row[0]) if row else 0

    with running_worker(environ, valkey) as pid:
        in_shell(environ, "wake_worker()")
        until = time.monotonic() + seconds
        points = _watch(pid, done, lambda at: at >= rows or time.monotonic() > until, pause=2.0)
    return Curve(title="worker, requests delivered", points=points)


def _links(environ: dict[str, str], folder: Path, rows: int) -> Curve:
    source = folder / "in.csv"
    with source.open("w") as file:
        file.write("subscriber_id,subscriber_key,job_id,list_id,batch_id\n")
        file.writelines(f"{n},key-{n:08},88002,7001,0\n" for n in range(1, rows + 1))
    points = _run(environ, folder / "out.csv", rows, "sign_links", str(source))
    return Curve(title="sign_links, lines signed", points=points)


def _export(environ: dict[str, str], folder: Path, rows: int) -> Curve:
    points = _run(environ, folder / "audit.csv", rows, "export_audit", "--output")
    return Curve(title="export_audit, lines written", points=points)


def _run(environ: dict[str, str], out: Path, rows: int, *command: str) -> list[Point]:
    """Run a command that ends with its output file. How much it has done is told by the file's
    size: its lines are of nearly one length."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "manage.py", *command, str(out)],
        cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip

    def size() -> int:
        return out.stat().st_size if out.exists() else 0

    seen = _watch(process.pid, size, lambda _: process.poll() is not None, pause=0.25)
    if process.wait():
        raise RuntimeError(f"{command[0]} failed with {process.returncode}")
    return [Point(one.done * rows // size(), one.mib) for one in seen]


def _watch(
    pid: int, done: Callable[[], int], is_over: Callable[[int], bool], *, pause: float
) -> list[Point]:
    """Return a point for each look, until it is over."""
    points: list[Point] = []
    at = done()
    while not is_over(at):
        if at and (mib := _resident(pid)):
            points.append(Point(at, mib))
        time.sleep(pause)
        at = done()
    return points


def _resident(pid: int) -> float:
    """Return the resident memory of a process in MiB; 0 for one that has ended."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _print(curve: Curve) -> None:
    say(f"\n| {curve.title} | MiB |\n| ---: | ---: |")
    for point in curve.thinned():
        say(f"| {point.done:,} | {point.mib:.1f} |")
    say(f"growth after the first tenth: {curve.growth:.2f} (at most {MOST})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
