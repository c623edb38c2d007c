"""All targets of speed in one table: `make bench`.

    python -m scripts.bench [--rounds N] [--requests N] [--presses N]      default: 3; 12,000; 60

Runs bench_web, bench_delivery and bench_idle one after another, each with its own servers, and
prints for each line what was measured, its floor in the same run, the ratio, and the ratio to
reach. Writes var/bench/all.json. Takes about six minutes; run it on a quiet machine.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .steps import ROOT, say

FOLDER = ROOT / "var" / "bench"
# The ratios to their floors that are to be reached.
WEB = {"one-click, new": 0.9, "one-click, again": 0.9, "page": 0.5, "bad link": 0.5}
DELIVERY, AT_ONCE = 0.9, 0.6
CPU_MS = 1.2  # of a worker, for a delivered request
IDLE_MS = 200.0  # by which the 95th percentile may exceed the call itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table; a rate, or a time."""

    title: str
    measured: float
    floor: float
    unit: str
    to_reach: str
    is_reached: bool

    @property
    def ratio(self) -> float:
        """What was measured, as a part of the floor."""
        return self.measured / self.floor if self.floor else 0.0


def main(arguments: list[str]) -> int:
    """Print the table. Return 0, or the status of a benchmark that failed."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=12_000)
    parser.add_argument("--presses", type=int, default=60)
    options = parser.parse_args(arguments)
    for name, argument in (
        ("web", options.rounds), ("delivery", options.requests), ("idle", options.presses),
    ):  # fmt: skip
        say(f"== bench_{name}")
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", f"scripts.bench_{name}", str(argument)],
            cwd=ROOT, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode:
            return done.returncode
    lines = [*_web(_read("web")), *_delivery(_read("delivery")), _idle(_read("idle"))]
    _show(lines)
    found = [asdict(line) | {"ratio": line.ratio} for line in lines]
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()}
    (FOLDER / "all.json").write_text(
        json.dumps({"machine": machine, "lines": found}, indent=2) + "\n"
    )
    return 0


def _read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def _web(table: Any) -> Iterator[Line]:
    for title, wanted in WEB.items():
        found = table[title]
        yield Line(
            title=title,
            measured=found["ours"]["rate"],
            floor=found["floor"]["rate"],
            unit="/s",
            to_reach=f"{wanted:g}",
            is_reached=found["ratio"] >= wanted,
        )


def _delivery(table: Any) -> Iterator[Line]:
    for one in table["lines"]:
        latency = one["latency"]
        wanted = DELIVERY if latency else AT_ONCE
        name = f"delivery, vendor at {1000 * latency:g} ms"
        yield Line(
            title=name, measured=one["rate"], floor=one["floor"], unit="/s",
            to_reach=f"{wanted:g}", is_reached=one["ratio"] >= wanted,
        )  # fmt: skip
        yield Line(
            title=f"{name}: the worker's CPU", measured=one["worker_cpu_ms"], floor=CPU_MS,
            unit=" ms", to_reach=f"{CPU_MS:g} ms", is_reached=one["worker_cpu_ms"] <= CPU_MS,
        )  # fmt: skip


def _idle(table: Any) -> Line:
    (_, ours), (_, call) = table["ms"]["press to event"], table["ms"]["the call itself"]
    return Line(
        title="idle, press to event, 95th percentile", measured=ours, floor=call, unit=" ms",
        to_reach=f"{IDLE_MS:g} ms more", is_reached=ours - call <= IDLE_MS,
    )  # fmt: skip


def _show(lines: list[Line]) -> None:
    say("\n| line | measured | floor | ratio | to reach | |")
    say("| --- | ---: | ---: | ---: | ---: | --- |")
    for line in lines:
        shown = [f"{one:,.{0 if one >= 20 else 2}f}{line.unit}" for one in
                 (line.measured, line.floor)]  # fmt: skip
        verdict = "reached" if line.is_reached else "missed"
        say(
            f"| {line.title} | {shown[0]} | {shown[1]} | {line.ratio:.2f} | {line.to_reach}"
            f" | {verdict} |"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
