"""Measure how long an unsubscribe takes in an idle system: from the press to the event.

    python -m scripts.bench_idle [PRESSES] [--latency SECONDS]     default: 60; 0.1

Uses its own PostgreSQL (with fsync), Valkey, gunicorn and one worker as docker-compose.yml starts
them, and a stand-in for Marketing Cloud that answers after a fixed time (scripts/bench_vendor.py).
Each press is a one-click POST, half a second to a second after the last event; the event is there
when the stand-in answers. Compared with the call itself: a client that sends the same bytes to the
stand-in. Prints a table and writes var/bench/idle.json.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .bench_delivery import in_shell, running_worker, worker_environ
from .bench_vendor import Vendor, raw_times, vendor
from .ready import answers
from .servers import HOST, Postgres, Valkey, free_port
from .steps import ROOT, say

WARM_UP = 5
LONGEST = 60.0  # seconds that an event may take
OUTPUT = ROOT / "var" / "bench" / "idle.json"


def main(arguments: list[str]) -> int:
    """Print the table; return 0."""
    parser = argparse.ArgumentParser(prog="bench_idle")
    parser.add_argument("presses", type=int, nargs="?", default=60)
    parser.add_argument("--latency", type=float, default=0.1)
    options = parser.parse_args(arguments)
    with vendor(options.latency) as stand_in:
        events = _press_to_event(stand_in, options.presses)
        calls = raw_times(stand_in.url, stand_in.last_message(), calls=options.presses)
    table = {"press to event": _percentiles(events), "the call itself": _percentiles(calls)}
    say("| | p50, ms | p95, ms |")
    say("| --- | ---: | ---: |")
    for name, (p50, p95) in table.items():
        say(f"| {name} | {p50:.0f} | {p95:.0f} |")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"latency": options.latency, "ms": table}, indent=2) + "\n")
    return 0


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return 1000 * statistics.median(seconds), 1000 * cuts[18]


def _press_to_event(stand_in: Vendor, presses: int) -> list[float]:
    """Return the seconds from each press to its event."""
    with (
        closing(Postgres(settings={"fsync": "on", "full_page_writes": "on"})) as postgres,
        closing(Valkey()) as valkey,
        tempfile.TemporaryDirectory() as folder,
    ):
        postgres.start()
        valkey.start()
        settings = worker_environ(postgres, valkey, stand_in) | {
            "PUBLIC_URL": "http://localhost:8000"
        }
        links = Path(folder, "links")
        in_shell(settings, f"links({str(links)!r}, {presses + WARM_UP})")
        paths = links.read_text().splitlines()
        with running_worker(settings, valkey), _web(settings) as port:
            return [_press(port, path, stand_in) for path in paths][WARM_UP:]


def _press(port: int, path: str, stand_in: Vendor) -> float:
    """Return the seconds from a press to its event. Raises RuntimeError where there is none."""
    time.sleep(random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
    stand_in.ended()
    begin = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=LONGEST)
    connection.request(
        "POST", path, "List-Unsubscribe=One-Click",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"the press was answered with {answer.status}")
    while time.monotonic() < begin + LONGEST:
        if ended := stand_in.ended():
            return ended[0] - begin
        time.sleep(0.002)
    raise RuntimeError("no event")


@contextmanager
def _web(settings: dict[str, str]) -> Iterator[int]:
    """Yield the port of gunicorn with the shipped configuration."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "gunicorn", "profilecenter.wsgi:application",
         "-c", "profilecenter/gunicorn.conf.py", "--bind", f"{HOST}:{port}"],
        cwd=ROOT, env=settings, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not answers(f"http://{HOST}:{port}/readyz"):
            if process.poll() is not None:
                raise RuntimeError("gunicorn did not start")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
