"""Measure the recipients' paths against the least that Django can do: `make bench-web`.

    python -m scripts.bench_web [ROUNDS]        default: 5

Starts PostgreSQL (with fsync), Valkey, and two gunicorns with the shipped configuration: ours, and
the floor (scripts/bench_floor.py). wrk sends requests over 16 connections; the rounds of all lines
alternate, so that load on the machine affects each. Prints medians, and each line's ratio to its
floor; writes them to var/bench/web.json, too.

No process is replaced while it is measured: ours starts without the shipped `max_requests`, and the
floor has none. A replaced process would take its CPU out of the sum, and its end would be counted
as latency of the requests. What a replacement costs is not in this table.
"""

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

from .servers import HOST, Postgres, Valkey, free_port
from .steps import ROOT, say

SECONDS, CONNECTIONS, PROCESSES = 6, 16, 2
LINKS = 40_000
SIGN = "from scripts import bench_web_links; bench_web_links.main({folder!r}, {number})"
SCRIPT = ROOT / "scripts" / "bench_web.lua"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: requests to `paths` of our server, and the floor's path."""

    title: str
    method: str
    paths: str
    floor: str
    fresh: bool = False  # each round takes other links


LINES = (
    Line(title="one-click, new", method="POST", paths="new", floor="insert", fresh=True),
    Line(title="one-click, again", method="POST", paths="again", floor="insert"),
    Line(title="page", method="GET", paths="page", floor="read"),
    Line(title="bad link", method="GET", paths="bad", floor="bare"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One round: requests a second; percentiles, and the CPU of the web processes for a request, in
    milliseconds."""

    rate: float
    p50: float
    p99: float
    cpu: float


def main(arguments: list[str]) -> int:
    """Print the table; return 0, or 2 where wrk is missing."""
    if not shutil.which("wrk"):
        say("wrk is missing: install it, for example with `apt-get install wrk`.")
        return 2
    rounds = int(arguments[0]) if arguments else 5
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environ = servers(stack)
        say(f"signing {LINKS:,} links ...")
        sign(environ, folder)
        ours = gunicorn(stack, "profilecenter.wsgi", environ)
        page = _get(f"{ours.url}{(folder / 'page').read_text().splitlines()[0]}")
        (folder / "page.html").write_bytes(page)
        floor = gunicorn(
            stack, "scripts.bench_floor", environ | {"BENCH_PAGE": str(folder / "page.html")}, PLAIN
        )
        results = _measure(ours, floor, folder, rounds)
    _show(results, len(page))
    return 0


def servers(stack: ExitStack) -> dict[str, str]:
    """Start PostgreSQL and Valkey; return the environment of processes that use them."""
    settings = {"fsync": "on", "full_page_writes": "on"}
    postgres = stack.enter_context(closing(Postgres(settings=settings)))
    valkey = stack.enter_context(closing(Valkey()))
    postgres.start()
    valkey.start()
    return os.environ | {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
        "LOG_LEVEL": "CRITICAL",
        "WEB_CONCURRENCY": str(PROCESSES),
        "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
        "PUBLIC_URL": "http://localhost:8000",
    }


def sign(environ: dict[str, str], folder: Path, number: int = LINKS) -> None:
    """Write the paths that are requested to files in a folder, with so many for new requests."""
    statement = SIGN.format(folder=str(folder), number=number)
    subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", statement],
        cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Web:
    """A gunicorn: the URL that it answers under, and its process id."""

    url: str
    pid: int

    def processes(self) -> list[str]:
        """Return the ids of its processes that answer requests."""
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()

    def cpu(self) -> float:
        """Return the seconds of CPU that these have taken since they began."""
        files = (Path(f"/proc/{one}/stat").read_text() for one in self.processes())
        fields = (text.rpartition(")")[2].split() for text in files)
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


SHIPPED = ("-c", "profilecenter/gunicorn.conf.py", "--max-requests", "0")
# The shipped configuration starts our worker class, which needs our settings.
PLAIN = ("--worker-class", "gthread", "--threads", "4", "--keep-alive", "75")


def gunicorn(
    stack: ExitStack, module: str, environ: dict[str, str], options: tuple[str, ...] = SHIPPED
) -> Web:
    """Start gunicorn, as it is shipped but for `max_requests`, unless `options` say otherwise."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "gunicorn", f"{module}:application",
         *options, "--bind", f"{HOST}:{port}"],
        cwd=ROOT, env=environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.terminate)
    url = f"http://{HOST}:{port}"
    for _ in range(300):
        try:
            _get(f"{url}/")
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return Web(url, process.pid)
    raise RuntimeError(f"{module} did not start")


def _get(url: str) -> bytes:
    """Return the body, whatever the status is."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
            return bytes(answer.read())
    except urllib.error.HTTPError as err:
        return bytes(err.read())


def _measure(
    ours: Web, floor: Web, folder: Path, rounds: int
) -> dict[str, dict[str, list[Result]]]:
    for line in LINES:
        (folder / f"floor-{line.floor}").write_text(f"/{line.floor}\n" * 4)
    results: dict[str, dict[str, list[Result]]] = {
        line.title: {"ours": [], "floor": []} for line in LINES
    }
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "warming up")
        for line in LINES:
            first = LINKS * number // (rounds + 1) if line.fresh else 0
            seconds = SECONDS if number else 3
            pairs = (
                ("ours", ours, folder / line.paths, first),
                ("floor", floor, folder / f"floor-{line.floor}", 0),
            )
            for name, web, paths, start in pairs:
                result = wrk(web, line.method, paths, start, seconds)
                if number:
                    results[line.title][name].append(result)
    return results


def wrk(web: Web, method: str, paths: Path, first: int, seconds: int) -> Result:
    """Return the result of requests for the paths of a file, from the first one on. Raises
    RuntimeError where one failed, or a process was replaced meanwhile."""
    processes, before = web.processes(), web.cpu()
    done = subprocess.run(  # noqa: S603
        ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "5s",  # noqa: S607
         "-s", str(SCRIPT), web.url, "--", method, str(paths), str(first)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (text,) = [one for one in done.stdout.splitlines() if one.startswith("RESULT")]
    requests, microseconds, p50, p99, errors = map(int, text.split()[1:])
    if errors:
        raise RuntimeError(f"{errors} requests failed")
    if web.processes() != processes:
        raise RuntimeError("a process was replaced: its CPU is not known")
    cpu = (web.cpu() - before) / max(requests, 1) * 1000
    return Result(requests / microseconds * 1e6, p50 / 1000, p99 / 1000, cpu)


def _median(rounds: list[Result]) -> Result:
    names = ("rate", "p50", "p99", "cpu")
    return Result(*(statistics.median(getattr(one, name) for one in rounds) for name in names))


def _show(results: dict[str, dict[str, list[Result]]], size: int) -> None:
    table = {}
    say(f"\nThe page has {size:,} bytes. Medians of the rounds; ours, and the floor:\n")
    say(f"{'':18} {'requests/s':>15} {'ratio':>6} {'p99, ms':>15} {'CPU, ms':>13}")
    for title, by_server in results.items():
        ours, floor = (_median(by_server[server]) for server in ("ours", "floor"))
        ratio = ours.rate / floor.rate
        say(
            f"{title:18} {ours.rate:7,.0f} {floor.rate:7,.0f} {ratio:6.2f}"
            f" {ours.p99:7.1f} {floor.p99:7.1f} {ours.cpu:6.2f} {floor.cpu:6.2f}"
        )
        table[title] = {"ours": asdict(ours), "floor": asdict(floor), "ratio": ratio}
    file = ROOT / "var" / "bench" / "web.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
