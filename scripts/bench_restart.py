"""Count the requests that a rolling restart leaves without an answer: `make bench-restart`.

    python -m scripts.bench_restart [SECONDS]        default: 20

gunicorn as shipped with one process, PostgreSQL, Valkey, and wrk with one-click requests over 16
connections for SECONDS each, again and again:

- two ports behind nginx (deploy/nginx.conf): a new gunicorn starts on the free port, and the old
  one is stopped with SIGTERM when the new one answers, as scripts/deploy/upgrade.sh does it
- one port behind nginx: gunicorn replaces its processes after a SIGHUP
- one port without a proxy: the same, seen by clients with connections that are kept alive
- one port behind nginx: gunicorn and its processes are killed, and a new one is started, for
  comparison: what the count shows where requests are lost

Prints a table, and writes var/bench/restart.json; returns 1 where one of the first two had an
error.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from .bench_delivery import in_shell, worker_environ
from .bench_vendor import vendor
from .machines import log_file
from .ready import answers, eventually
from .servers import HOST, Postgres, Valkey, _tied_to_us, free_port
from .steps import ROOT, say, tool

LINKS = 120_000
PAUSE = 1.0  # seconds between two restarts
OUTPUT = ROOT / "var" / "bench" / "restart.json"
SCRIPT = ROOT / "scripts" / "bench_web.lua"
STORED = "SELECT count(*) FROM unsub_subscriberrequest"
NGINX = """
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
daemon off;
{user}
events {{ worker_connections 768; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What wrk counted during one kind of restart."""

    title: str
    restarts: int
    answered: int
    stored: int
    connection_errors: int
    other_statuses: int


class Web:
    """A gunicorn on a port of its own."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with log_file("restart").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*_tied_to_us(), tool("gunicorn"), "profilecenter.wsgi",
                 "-c", "profilecenter/gunicorn.conf.py", "--bind", f"{HOST}:{self.port}"],
                cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        eventually(f"port {self.port}", lambda: answers(f"{self.url}/healthz"))

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The main process. Raises RuntimeError where it was not started."""
        if self._process is None:
            raise RuntimeError("this gunicorn was not started")
        return self._process

    def stop(self) -> None:
        """End it in order, with all requests that it has."""
        self.process.terminate()
        self.process.wait(60)

    def reload(self) -> None:
        """Let it replace its processes, and wait until it has."""
        before = self._children()
        self.process.send_signal(signal.SIGHUP)
        eventually("new processes", lambda: not self._children() & before)

    def kill_and_start(self) -> None:
        """Lose it, and start another on the same port."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.start()

    def close(self) -> None:
        """End it whatever it does."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def _children(self) -> set[str]:
        pid = self.process.pid
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@dataclass(slots=True, kw_only=True)
class Run:
    """The servers, and how far the links are used up."""

    webs: tuple[Web, Web]
    proxy: str
    paths: Path
    seconds: int
    database: psycopg.Connection[tuple[int]]
    used: int = 0

    def roll(self) -> None:
        """Start the gunicorn that is stopped, then stop the other; they change places."""
        old, new = self.webs
        new.start()
        old.stop()
        self.webs = new, old

    def measure(self, title: str, url: str, restart: Callable[[], None]) -> Line:
        """Send requests to `url` while `restart` is called again and again."""
        before, restarts = self._stored(), 0
        with subprocess.Popen(  # noqa: S603
            ["wrk", "-t2", "-c16", f"-d{self.seconds}s", "--timeout", "30s",  # noqa: S607
             "-s", str(SCRIPT), url, "--", "POST", str(self.paths), str(self.used)],
            stdout=subprocess.PIPE, text=True,
        ) as load:  # fmt: skip
            until = time.monotonic() + self.seconds - PAUSE
            time.sleep(PAUSE)
            while time.monotonic() < until:
                restart()
                restarts += 1
                time.sleep(PAUSE)
            output = load.communicate(timeout=60)[0]
        answered, _, _, _, errors = map(int, re.findall(r"RESULT (.*)", output)[0].split())
        self.used += answered + 100
        return Line(
            title=title, restarts=restarts, answered=answered, stored=self._stored() - before,
            connection_errors=errors, other_statuses=int(re.findall(r"STATUS (\d+)", output)[0]),
        )  # fmt: skip

    def _stored(self) -> int:
        row = self.database.execute(STORED).fetchone()
        return row[0] if row else 0


def main(arguments: list[str]) -> int:
    """Print the table; return 0, 1 where requests failed, or 2 without wrk and nginx."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not shutil.which("wrk") or not nginx:
        say("bench_restart: needs wrk and nginx, as `apt-get install wrk nginx` installs them")
        return 2
    with ExitStack() as stack:
        run = _servers(stack, nginx, int(arguments[0]) if arguments else 20)
        lines = list(_lines(run))
    _print(lines)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
    return int(any(line.connection_errors or line.other_statuses for line in lines[:2]))


def _lines(run: Run) -> Iterator[Line]:
    yield run.measure("two ports behind nginx, one after the other", run.proxy, run.roll)
    one = run.webs[0]
    yield run.measure("SIGHUP behind nginx", run.proxy, one.reload)
    yield run.measure("SIGHUP without a proxy", one.url, one.reload)
    yield run.measure("killed, behind nginx (for comparison)", run.proxy, one.kill_and_start)


def _servers(stack: ExitStack, nginx: str, seconds: int) -> Run:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    postgres = stack.enter_context(closing(Postgres()))
    valkey = stack.enter_context(closing(Valkey()))
    postgres.start()
    valkey.start()
    stand_in = stack.enter_context(vendor(0.0))
    environ = worker_environ(postgres, valkey, stand_in) | {
        "WEB_CONCURRENCY": "1", "LOG_LEVEL": "WARNING", "ALLOWED_HOSTS": HOST,
    }  # fmt: skip
    in_shell(environ, "insert(0)")
    in_shell(environ, f"links({str(folder / 'paths')!r}, {LINKS})", module="bench_links")
    webs = (Web(environ), Web(environ))
    for web in webs:
        stack.enter_context(closing(web))
    webs[0].start()
    return Run(
        webs=webs, proxy=_proxy(stack, nginx, folder, webs), paths=folder / "paths",
        seconds=seconds,
        database=stack.enter_context(psycopg.connect(postgres.url, autocommit=True)),
    )  # fmt: skip


def _proxy(stack: ExitStack, nginx: str, folder: Path, webs: tuple[Web, Web]) -> str:
    """Start nginx with the file of deploy/, without TLS; return its URL."""
    port = free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^\s*(ssl_\w+ .*|listen .*(ssl|::).*)\n", "", text)
    changes = {"listen 80;": f"listen {HOST}:{port};"} | {
        f"127.0.0.1:{8000 + place}": f"{HOST}:{web.port}" for place, web in enumerate(webs)
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "main.conf").write_text(NGINX.format(folder=folder, user=user))
    process = subprocess.Popen(  # noqa: S603
        [*_tied_to_us(), nginx, "-c", str(folder / "main.conf")], stdin=subprocess.DEVNULL
    )
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    url = f"http://{HOST}:{port}"
    eventually("nginx", lambda: answers(f"{url}/healthz"))
    return url


def _print(lines: list[Line]) -> None:
    say("| restarts under load | number | answered | in the database | connection errors "
        "| other than 200 |")  # fmt: skip
    say("| --- | ---: | ---: | ---: | ---: | ---: |")
    for line in lines:
        say(
            f"| {line.title} | {line.restarts} | {line.answered:,} | {line.stored:,} "
            f"| {line.connection_errors} | {line.other_statuses} |"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
