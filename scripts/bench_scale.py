"""Measure what is done all the time over 10,000, 1,000,000 and 10,000,000 requests.

    python -m scripts.bench_scale [REQUESTS ...]        default: the three

Uses a PostgreSQL of its own for each size, with fsync on, in TMPDIR: ten million take 15 GB there,
and half an hour. Prints the median time of each step and the pages that its statements looked at,
which do not depend on what else the machine does, and the ratio of the largest size to the
smallest. The numbers of each size are written to var/bench/scale-REQUESTS.json, the table to
var/bench/scale.json.
"""

import json
import sys
from typing import Any

from .bench_admin import in_shell
from .steps import ROOT, say

# In Django's shell, because models cannot be imported before Django is set up.
MEASURE = "from scripts import bench_scale_steps; bench_scale_steps.main({number}, {file!r})"
SIZES = (10_000, 1_000_000, 10_000_000)
# As a small server has them; the same for each size.
SETTINGS = {
    "fsync": "on", "full_page_writes": "on", "shared_buffers": "1GB", "max_wal_size": "8GB",
}  # fmt: skip
FOLDER = ROOT / "var" / "bench"
Results = dict[str, dict[str, float]]


def main(arguments: list[str]) -> int:
    """Print the table; return 0, or another number where a size failed."""
    sizes = tuple(map(int, arguments)) or SIZES
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number in sizes:
        say(f"filling with {number:,} requests ...")
        file = FOLDER / f"scale-{number}.json"
        if failed := in_shell(MEASURE.format(number=number, file=str(file)), SETTINGS):
            return failed
    results = {number: _read(number) for number in sizes}
    (FOLDER / "scale.json").write_text(json.dumps(results, indent=1))
    for line in table(results):
        say(line)
    return 0


def _read(number: int) -> Results:
    found: Results = json.loads((FOLDER / f"scale-{number}.json").read_text())
    return found


def table(results: dict[int, Results]) -> list[str]:
    """Return the lines of the table: for each step milliseconds of CPU by size, pages by size, and
    the ratios of the last size to the first."""
    sizes = list(results)
    heads = [*(f"CPU ms, {size:,}" for size in sizes), "ratio"]
    heads += [*(f"pages, {size:,}" for size in sizes), "ratio"]
    lines = [f"| step | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for step in results[sizes[0]]:
        cells: list[str] = []
        for what, shape in (("cpu", "{:,.1f}"), ("pages", "{:,.0f}")):
            values = [results[size][step][what] for size in sizes]
            ratio: Any = values[-1] / values[0] if values[0] else 1
            cells += [*map(shape.format, values), f"{ratio:.2f}"]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
