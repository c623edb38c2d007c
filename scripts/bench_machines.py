"""Measure what more machines bring: `make bench-machines`.

    python -m scripts.bench_machines [--latency SECONDS] [--seconds SECONDS]     default: 4; 32

Two web machines and four worker machines, each a network namespace with an address and a host name
of its own, before one PostgreSQL (without fsync) behind one PgBouncer, one Valkey, and a stand-in
for Marketing Cloud. Needs Linux, root, pgbouncer and wrk.

1. One-click requests to both web machines at once, while all four workers deliver: how many were
   answered, are in the database, were delivered, and how often each was sent.
2. A backlog, delivered by one, two and four workers. Each may make CALLS calls at a time, of BATCH
   requests that take LATENCY each: so that calls are the limit and not the machine's cores, which
   all of these share. Four reach the vendor's ceiling of 20 calls over all of them.

Prints tables, and writes var/bench/machines.json.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from celery import Celery

from . import machines, pooler
from .bench_delivery import BATCH, in_shell, worker_environ
from .bench_vendor import Vendor, vendor
from .machines import ROUTER, Machine
from .ready import answers, eventually
from .servers import Postgres, Valkey
from .steps import ROOT, say, tool

CALLS = 5  # of each worker at a time
VENDOR_CALLS = 20
SIZES = (1, 2, 4)
BACKLOG, LINKS = 30_000, 8_000
WARM = 20.0  # seconds until all calls are under way
PORT = "8000"
OUTPUT = ROOT / "var" / "bench" / "machines.json"
SCRIPT = ROOT / "scripts" / "bench_web.lua"
OPEN = "SELECT count(*) FROM unsub_subscriberrequest WHERE status <> 'done'"
TOTALS = """
    SELECT count(*), (SELECT count(*) FROM unsub_deliveryattempt) FROM unsub_subscriberrequest
"""
FINISHED = """
    SELECT count(*) FROM unsub_deliveryattempt
    WHERE finished_at > now() - make_interval(secs => %s)
"""


class OpenValkey(Valkey):
    """A Valkey for the machines of our own network, which nothing else reaches."""

    @property
    def url(self) -> str:
        return f"redis://{ROUTER}:{self.port}/0"

    def command(self) -> list[str]:
        """Return the server's command line."""
        return [*super().command(), "--bind", "0.0.0.0", "--protected-mode", "no"]  # noqa: S104


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What runs, and the environment of the machines' processes."""

    environ: dict[str, str]
    direct: dict[str, str]  # the same, past the pooler, for commands
    database: psycopg.Connection[tuple[int, ...]]
    stand_in: Vendor
    folder: Path
    workers: Sequence[Machine]
    webs: Sequence[Machine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Delivery by so many workers; requests per second."""

    workers: int
    rate: float
    ceiling: float
    calls_at_once: int


def main(arguments: list[str]) -> int:
    """Print the tables; return 0, 1 where a request was lost, or 2 where this machine cannot."""
    parser = argparse.ArgumentParser(prog="bench_machines")
    parser.add_argument("--latency", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=32.0)
    options = parser.parse_args(arguments)
    if why := _missing():
        say(f"bench_machines: {why}")
        return 2
    machines.enter("scripts.bench_machines", arguments)
    with _running(options.latency) as cluster:
        whole = _accept(cluster)
        in_shell(cluster.direct, f"insert({BACKLOG})")
        rates = [_deliver(cluster, size, options) for size in SIZES]
    _print(rates)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = {"web": whole, "delivery": [asdict(one) for one in rates]}
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if whole["answered"] <= whole["stored"] == whole["sent"] else 1


def _missing() -> str:
    """Return why this cannot be measured here; "" where it can."""
    if not pooler.installed() or not shutil.which("wrk"):
        return "needs pgbouncer and wrk, as `apt-get install pgbouncer wrk` installs them"
    return machines.missing()


@contextmanager
def _running(latency: float) -> Iterator[Cluster]:
    with ExitStack() as stack:
        postgres = stack.enter_context(closing(Postgres()))
        valkey = stack.enter_context(closing(OpenValkey()))
        postgres.start()
        valkey.start()
        stand_in = stack.enter_context(vendor(latency, host=ROUTER))
        bouncer = pooler.PgBouncer(postgres.url, sessions=20, host=ROUTER)
        stack.enter_context(closing(bouncer)).start()
        webs = [Machine(f"web-{n}", 10 + n) for n in (1, 2)]
        workers = [Machine(f"worker-{n}", 20 + n) for n in range(1, max(SIZES) + 1)]
        for machine in (*webs, *workers):
            stack.callback(machine.close)
        environ = worker_environ(postgres, valkey, stand_in) | {
            "DATABASE_URL": bouncer.url, "DATABASE_POOLER": "true",
            "ALLOWED_HOSTS": ",".join(web.address for web in webs), "WEB_CONCURRENCY": "1",
            "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        direct = environ | {"DATABASE_URL": postgres.url, "DATABASE_POOLER": "false"}
        in_shell(direct, "insert(0)")
        yield Cluster(
            environ=environ, direct=direct, stand_in=stand_in, webs=webs, workers=workers,
            database=stack.enter_context(psycopg.connect(postgres.url, autocommit=True)),
            folder=Path(stack.enter_context(tempfile.TemporaryDirectory())),
        )  # fmt: skip


def _accept(cluster: Cluster) -> dict[str, int]:
    """Send requests to both web machines; return what became of them."""
    paths = cluster.folder / "paths"
    in_shell(cluster.direct, f"links({str(paths)!r}, {LINKS})", module="bench_links")
    for web in cluster.webs:
        _start_web(cluster, web)
    _celery(cluster, cluster.webs[0], "beat", "--schedule", str(cluster.folder / "beat"))
    with _working(cluster, len(cluster.workers)):
        loads = [_wrk(web, paths, number) for number, web in enumerate(cluster.webs)]
        results = [_counts(load.communicate(timeout=60)[0]) for load in loads]
        eventually("the requests to be delivered", lambda: _numbers(cluster, OPEN)[0] == 0)
    cluster.webs[1].stop()
    stored, sent = _numbers(cluster, TOTALS)
    answered, errors = (sum(places) for places in zip(*results, strict=True))
    each = " + ".join(str(one) for one, _ in results)
    say(f"\nTwo web machines answered {each} one-click requests, {errors} with an error. "
        f"In the database: {stored}. Attempts to deliver them: {sent}.\n")  # fmt: skip
    return {"answered": answered, "errors": errors, "stored": stored, "sent": sent}


def _start_web(cluster: Cluster, web: Machine) -> None:
    command = (tool("gunicorn"), "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py")
    with machines.log_file(web.name).open("wb") as log:
        web.start(*command, "--bind", f"{web.address}:{PORT}", environ=cluster.environ, log=log)
    eventually(f"{web.name} to answer", lambda: answers(f"http://{web.address}:{PORT}/healthz"))


def _wrk(web: Machine, paths: Path, number: int) -> subprocess.Popen[str]:
    """Start a load of ten seconds on a web machine, from its own half of the links."""
    return subprocess.Popen(  # noqa: S603
        ["wrk", "-t2", "-c4", "-d10s", "--timeout", "10s", "-s", str(SCRIPT),  # noqa: S607
         f"http://{web.address}:{PORT}", "--", "POST", str(paths), str(LINKS // 2 * number)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _counts(output: str) -> tuple[int, int]:
    """Return how many requests wrk counted as answered, and how many as failed."""
    (line,) = (one for one in output.splitlines() if one.startswith("RESULT"))
    requests, _, _, _, errors = map(int, line.split()[1:])
    return requests, errors


def _deliver(cluster: Cluster, size: int, options: argparse.Namespace) -> Rate:
    """Let so many workers deliver from a backlog for a while."""
    cluster.stand_in.most_at_once()
    with _working(cluster, size):
        in_shell(cluster.direct, "wake_worker()")
        time.sleep(WARM + options.latency)
        cluster.stand_in.most_at_once()
        time.sleep(options.seconds)
        finished = _numbers(cluster, FINISHED, options.seconds)[0]
        most = cluster.stand_in.most_at_once()
    ceiling = min(size * CALLS, VENDOR_CALLS) * BATCH / options.latency
    return Rate(workers=size, rate=finished / options.seconds, ceiling=ceiling, calls_at_once=most)


@contextmanager
def _working(cluster: Cluster, size: int) -> Iterator[None]:
    """Run a worker on each of the first `size` machines."""
    used = cluster.workers[:size]
    for machine in used:
        _celery(cluster, machine, "worker", "--concurrency", str(CALLS))
    with Celery(broker=cluster.environ["REDIS_URL"], set_as_current=False) as app:
        eventually(
            f"{size} workers", lambda: len(app.control.ping(timeout=2, limit=size) or ()) == size
        )
    try:
        yield
    finally:
        for machine in used:
            machine.stop()


def _celery(cluster: Cluster, machine: Machine, *command: str) -> None:
    with machines.log_file(machine.name).open("ab") as log:
        machine.start(
            tool("celery"), "-A", "profilecenter", *command, environ=cluster.environ, log=log
        )


def _numbers(cluster: Cluster, query: str, *values: float) -> tuple[int, ...]:
    row = cluster.database.execute(query, values).fetchone()
    assert row is not None  # noqa: S101 - an aggregate
    return row


def _print(rates: list[Rate]) -> None:
    say("| workers | requests/s | of one worker | ceiling/s | of it | calls at once |")
    say("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for one in rates:
        say(
            f"| {one.workers} | {one.rate:,.0f} | {one.rate / rates[0].rate:.2f} "
            f"| {one.ceiling:,.0f} | {one.rate / one.ceiling:.2f} | {one.calls_at_once} |"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
