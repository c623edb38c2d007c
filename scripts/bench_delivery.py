"""Measure how fast one worker delivers a backlog.

    python -m scripts.bench_delivery [REQUESTS] [--latency SECONDS ...]     default: 12,000; 0.3 0

Uses its own PostgreSQL (with fsync), Valkey, and a stand-in for Marketing Cloud that answers after
a fixed time (scripts/bench_vendor.py). The worker is started as docker-compose.yml starts it; 20
calls are left to the workers.

With a latency, the rate is compared with the ceiling: 20 calls of 20 rows each, in that time. At
0 s, it is compared with a client that sends the same bytes and does nothing else. Prints a table
and writes var/bench/delivery.json.
"""

import argparse
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
import yaml

from .bench_vendor import Vendor, raw_rate, vendor
from .ready import worker_answers
from .servers import Postgres, Valkey
from .steps import ROOT, say, tool

BATCH, CALLS = 20, 20
OUTPUT = ROOT / "var" / "bench" / "delivery.json"
TICKS = os.sysconf("SC_CLK_TCK")
LONGEST = 300.0  # seconds that a run may take
DONE = "SELECT count(*) FROM unsub_subscriberrequest WHERE status = 'done'"
SPAN = """
    SELECT extract(epoch FROM max(a.finished_at) - min(a.started_at)), count(*),
        avg(a.batch_size) FROM unsub_deliveryattempt a
"""
CALLED = """
    SELECT extract(epoch FROM min(started_at)), extract(epoch FROM max(finished_at))
    FROM unsub_deliveryattempt GROUP BY lease
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was measured at one latency. Rates are requests per second."""

    latency: float
    requests: int
    rate: float
    floor: float
    worker_cpu_ms: float
    requests_per_message: float
    calls_at_once: int
    seconds_until_all_busy: float | None

    @property
    def ratio(self) -> float:
        """The rate as a part of the floor's."""
        return self.rate / self.floor


def main(arguments: list[str]) -> int:
    """Print the table; return 0."""
    parser = argparse.ArgumentParser(prog="bench_delivery")
    parser.add_argument("requests", type=int, nargs="?", default=12_000)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.3, 0.0])
    options = parser.parse_args(arguments)
    lines = [_measure(latency, options.requests) for latency in options.latency]
    _print(lines)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = [asdict(line) | {"ratio": line.ratio} for line in lines]
    OUTPUT.write_text(json.dumps({"command": worker_command(), "lines": found}, indent=2) + "\n")
    return 0


def worker_command() -> list[str]:
    """Return the command of docker-compose.yml's worker, with the defaults of its variables."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    words = yaml.safe_load(text)["services"]["worker"]["command"]
    return [
        word.partition(":-")[2].rstrip("}") if word.startswith("${") else word for word in words
    ]


def _measure(latency: float, requests: int) -> Line:
    with _backlog(latency, requests) as run:
        return _deliver(run, latency, requests)


@contextmanager
def busy_worker(latency: float = 0.3, requests: int = 20_000) -> Iterator[int]:
    """Yield the process id of a worker that delivers a backlog, for a profile of it."""
    with _backlog(latency, requests) as run, running_worker(run.environ, run.valkey) as pid:
        in_shell(run.environ, "wake_worker()")
        time.sleep(3)
        yield pid


@contextmanager
def _backlog(latency: float, requests: int) -> Iterator["_Run"]:
    """Yield servers with a backlog of requests."""
    settings = {"fsync": "on", "full_page_writes": "on"}
    with (
        closing(Postgres(settings=settings)) as postgres,
        closing(Valkey()) as valkey,
        vendor(latency) as stand_in,
    ):
        postgres.start()
        valkey.start()
        environ = worker_environ(postgres, valkey, stand_in)
        say(f"{latency:g} s: writing {requests:,} requests ...")
        in_shell(environ, f"fill({requests})")
        with psycopg.connect(postgres.url, autocommit=True) as database:
            yield _Run(environ=environ, valkey=valkey, stand_in=stand_in, database=database)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The servers of one measurement."""

    environ: dict[str, str]
    valkey: Valkey
    stand_in: Vendor
    database: psycopg.Connection[tuple[float, ...]]


def _deliver(run: _Run, latency: float, requests: int) -> Line:
    """Start a worker, let it deliver everything, and return what was measured."""
    with running_worker(run.environ, run.valkey) as pid:
        before = cpu_seconds(pid)
        in_shell(run.environ, "wake_worker()")
        until = time.monotonic() + LONGEST
        while _one(run.database, DONE)[0] < requests and time.monotonic() < until:
            time.sleep(0.2)
        used = cpu_seconds(pid) - before
        most = run.stand_in.most_at_once()
    seconds, attempts, size = map(float, _one(run.database, SPAN))
    calls = [(float(row[0]), float(row[1])) for row in run.database.execute(CALLED)]
    return Line(
        latency=latency,
        requests=requests,
        rate=_one(run.database, DONE)[0] / seconds,
        floor=CALLS * BATCH / latency if latency else BATCH * _raw(run.stand_in),
        worker_cpu_ms=1000 * used / attempts,
        requests_per_message=size,
        calls_at_once=most,
        seconds_until_all_busy=_until_all_busy(calls),
    )


def _until_all_busy(calls: list[tuple[float, float]]) -> float | None:
    """Return the seconds from the first claim to that with which CALLS batches were under way."""
    edges = sorted([(begin, 1) for begin, _ in calls] + [(end, -1) for _, end in calls])
    running = 0
    for at, step in edges:
        running += step
        if running == CALLS:
            return at - edges[0][0]
    return None


def _raw(stand_in: Vendor) -> float:
    """Return the messages per second of the raw client: the median of three short runs."""
    message = stand_in.last_message()
    return statistics.median(
        raw_rate(stand_in.url, message, connections=CALLS, seconds=2.0) for _ in range(3)
    )


def worker_environ(postgres: Postgres, valkey: Valkey, stand_in: Vendor) -> dict[str, str]:
    """Return the environment of a worker with these servers, which leaves CALLS calls to it."""
    return os.environ | {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
        "DIGEST_KEYS": json.dumps({"1": secrets.token_urlsafe(32)}),
        "SECOND_FACTOR": "false",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
        "SFMC_AUTH_URL": stand_in.url,
        "SFMC_SOAP_URL": stand_in.url,
        "SFMC_CLIENT_ID": "bench",
        "SFMC_CLIENT_SECRET": "bench",
        "SFMC_ACCOUNT_ID": "510001",
        "SFMC_BATCH_SIZE": str(BATCH),
        # One is left to pages.
        "SFMC_CONCURRENCY": str(CALLS + 1),
        "SFMC_PAGE_CONCURRENCY": "1",
        "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
    }


def in_shell(environ: dict[str, str], call: str, *, module: str = "bench_delivery_steps") -> None:
    """Call a function of a module of scripts/ in Django's shell."""
    statement = f"from scripts import {module} as steps; steps.{call}"
    subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", statement],
        cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip


@contextmanager
def running_worker(environ: dict[str, str], valkey: Valkey) -> Iterator[int]:
    """Yield the process id of a running worker. Its log goes to var/bench/worker.log."""
    name, *words = worker_command()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with (OUTPUT.parent / "worker.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [tool(name), *words],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            while not worker_answers(valkey.url):
                if process.poll() is not None:
                    raise RuntimeError("the worker did not start: see var/bench/worker.log")
                time.sleep(0.2)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU that a process and its children have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(map(cpu_seconds, map(int, children)))


def _one(database: psycopg.Connection[tuple[float, ...]], query: str) -> tuple[float, ...]:
    row = database.execute(query).fetchone()
    assert row is not None  # noqa: S101 - an aggregate
    return row


def _print(lines: list[Line]) -> None:
    say("| latency | requests/s | floor/s | ratio | worker CPU ms a request | in a message "
        "| calls at once | s until 20 |")  # fmt: skip
    say("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for line in lines:
        busy = line.seconds_until_all_busy
        say(
            f"| {line.latency:g} s | {line.rate:,.0f} | {line.floor:,.0f} | {line.ratio:.2f} "
            f"| {line.worker_cpu_ms:.2f} | {line.requests_per_message:.1f} "
            f"| {line.calls_at_once} | {'' if busy is None else f'{busy:.2f}'} |"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
