"""`make run`: start everything on this machine; only Ctrl-C stops it.

A process that ends is started again.
"""

import fcntl
import json
import multiprocessing
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from honcho.manager import Manager
from honcho.process import Process

from . import environment
from .environment import Ports
from .ready import Watch
from .servers import HOST, Valkey, free_port
from .steps import ROOT, say, tool

EXIT_BUSY = 2
EMPTY = "--empty"
# Seconds before a process is started again: doubled each time, unless it ran long enough.
FIRST_PAUSE, LONGEST_PAUSE, LONG_ENOUGH = 1.0, 30.0, 60.0


class BusyError(Exception):
    """A process cannot start; the message says what to do."""


def main(arguments: list[str]) -> int:
    """Return the manager's status, or 2 if a port is in use or another run is active. With --empty
    everything of earlier runs is deleted, and there is no sample data."""
    if set(arguments) - {EMPTY}:
        sys.stderr.write(f"run: the only argument is {EMPTY}\n")
        return EXIT_BUSY
    try:
        with _only_one():
            ports = choose_ports(os.environ)
            if EMPTY in arguments:
                forget()
            return start(ports, arguments)
    except BusyError as err:
        sys.stderr.write(f"run: {err}\n")
        return EXIT_BUSY


@contextmanager
def _only_one() -> Iterator[None]:
    """Lock var/ for this run: two schedulers in one folder would send every wake-up twice."""
    environment.VAR.mkdir(exist_ok=True)
    with environment.path("run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise BusyError("`make run` is running in this folder already.") from err
        yield


def choose_ports(wanted: Mapping[str, str]) -> Ports:
    """Return the ports to use. Raises BusyError, naming every port that is in use."""
    ports = Ports(
        web=_number(wanted, "PORT", 8000),
        sandbox=_number(wanted, "SANDBOX_PORT", 8025),
        redis=_number(wanted, "REDIS_PORT", 0) or free_port(),
    )
    named = {"PORT": ports.web, "SANDBOX_PORT": ports.sandbox, "REDIS_PORT": ports.redis}
    if len(set(named.values())) < len(named):
        raise BusyError("PORT, SANDBOX_PORT and REDIS_PORT must be different.")
    taken = {name: port for name, port in named.items() if _is_taken(port)}
    if taken:
        which = " and ".join(f"{port} ({name})" for name, port in taken.items())
        example = " ".join(f"{name}={free_port()}" for name in taken)
        raise BusyError(f"port {which} is in use. Choose another: make run {example}")
    return ports


def _number(wanted: Mapping[str, str], name: str, default: int) -> int:
    value = wanted.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and int(value) < 65536):
        raise BusyError(f"{name} must be a port number, 1 to 65535.")
    return int(value)


def _is_taken(port: int) -> bool:
    """Return whether the port is in use, or "localhost" leads to another process."""
    with closing(socket.socket()) as probe:
        # As gunicorn does, so that closing connections of the last run do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    if not socket.has_ipv6:
        return False
    with closing(socket.socket(socket.AF_INET6)) as other:
        other.settimeout(0.5)
        return other.connect_ex(("::1", port)) == 0


def forget() -> None:
    """Delete the database of earlier runs, and what the sandbox, the broker and beat know."""
    for name in ("db.sqlite3*", "sandbox.jsonl", "celerybeat-schedule*"):
        for file in environment.VAR.glob(name):
            file.unlink()
    shutil.rmtree(environment.path("valkey"), ignore_errors=True)


def start(ports: Ports, arguments: list[str]) -> int:
    """Prepare, start and serve until Ctrl-C or SIGTERM; return the exit status."""
    values = environment.write(ports)
    environ = environment.environ(values)
    say("run: preparing the database ...")
    links = _prepare(environ, arguments)
    watch = Watch(ports=ports, links=links, password=values["ADMIN_PASSWORD"])
    manager = _manager(ports, environ, then=watch.run)
    # Closing the terminal sends SIGHUP; everything has to stop then, too.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    say("run: starting the processes ...")
    manager.loop()
    return _status(manager.returncode)


def _status(code: int | None) -> int:
    """Return 0 after Ctrl-C and SIGTERM."""
    return 0 if code in {None, 128 + signal.SIGINT, 128 + signal.SIGTERM} else int(code or 1)


def _prepare(environ: dict[str, str], arguments: list[str]) -> dict[str, str]:
    """Prepare the database; return the links of the sample subscribers."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "links.json"
        command = [sys.executable, "-m", "scripts.sample", str(answer), *arguments]
        subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=True
        )
        links: dict[str, str] = json.loads(answer.read_text())
    return links


def commands(ports: Ports) -> dict[str, list[str]]:
    """Return the commands by name: a deployment's three processes, Valkey and the sandbox."""
    folder = environment.path("valkey")
    folder.mkdir(exist_ok=True)
    # WARNING: without a line for every sweep.
    celery = ["env", "LOG_LEVEL=WARNING", tool("celery"), "-A", "profilecenter"]
    schedule = str(environment.path("celerybeat-schedule"))
    manage = [sys.executable, "manage.py"]
    state = str(environment.path("sandbox.jsonl"))
    return {
        "valkey": Valkey(port=ports.redis, folder=folder, persist=True).command(),
        "sandbox": [*manage, "sandbox", "--port", str(ports.sandbox), "--state", state],
        "web": [
            tool("gunicorn"), "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py",
            "--bind", f"{HOST}:{ports.web}", "--workers", "2",
        ],
        "worker": [*celery, "worker", "--concurrency", "8", "--without-mingle"],
        "beat": [*celery, "beat", "--schedule", schedule],
    }  # fmt: skip


class LastingProcess(Process):  # type: ignore[misc]  # honcho ships no types
    """honcho's process; one that ends is started again, until `stopping` is set."""

    def __init__(self, *args: Any, stopping: Any, turn: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stopping = stopping
        self._turn = turn
        # Of the program that runs: the manager hears of it later, by an event.
        self.newest_pid: Any = multiprocessing.Value("i", 0, lock=False)
        self._status = 0

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Run, with pauses of 1 to 30 seconds, in a process that honcho forked for it."""
        if ignore_signals:
            # By a function: a program started later would inherit SIG_IGN, and could not be ended.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            super().run(events)
            if self._stopping.is_set():
                return
            if time.monotonic() - started > LONG_ENOUGH:
                pause = FIRST_PAUSE
            again = f"{self.name} ended (status {self._status}); starting it again in {pause:g} s\n"
            self._send_message(again.encode())
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._send_message({"returncode": self._status}, type="stop")

    def _send_message(self, data: Any, type: str = "line") -> None:  # noqa: A002 - honcho's name
        """Send an event to the manager, which takes an end for the end of everything."""
        if type == "stop" and not self._stopping.is_set():
            self._status = data["returncode"]
            return
        super()._send_message(data, type)
        if type == "start" and self._is_late(data["pid"]):
            # Started while the manager signalled the one before it.
            with suppress(ProcessLookupError):
                os.killpg(data["pid"], signal.SIGTERM)

    def _is_late(self, pid: int) -> bool:
        """Return whether the manager is stopping and does not know this process. Takes `turn`, as
        the manager does: exactly one of the two signals the process."""
        with self._turn:
            self.newest_pid.value = pid
            return bool(self._stopping.is_set())


class Processes(Manager):  # type: ignore[misc]
    """honcho's manager; calls `then` in a separate thread once all processes are started, and
    starts those again that end."""

    def __init__(self, *, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then
        self._stopping = multiprocessing.Event()
        # A signal may interrupt the main thread while that has it.
        self._turn = multiprocessing.RLock()
        self._process_ctor = partial(LastingProcess, stopping=self._stopping, turn=self._turn)

    def terminate(self) -> None:
        """End all processes, each as soon as it has said that it is started."""
        if self._all_started():
            with self._turn:
                self._stopping.set()
                for one in self._processes.values():
                    one["pid"] = one["obj"].newest_pid.value or one["pid"]
            super().terminate()
        else:
            # honcho signals by process ids, which the loop that this interrupts has yet to read.
            threading.Thread(target=self._terminate_once_started, daemon=True).start()

    def _terminate_once_started(self) -> None:
        while not self._all_started():
            time.sleep(0.05)
        self.terminate()

    def _start(self) -> None:
        # Started after forking: a thread would not survive a fork, but its locks would.
        super()._start()
        threading.Thread(target=self._then, daemon=True).start()


def _manager(ports: Ports, environ: dict[str, str], *, then: Callable[[], None]) -> Processes:
    manager = Processes(then=then)
    for name, command in commands(ports).items():
        # honcho starts a shell; exec, so that its signals reach the process itself.
        manager.add_process(name, f"exec {shlex.join(command)}", env=environ, cwd=str(ROOT))
    return manager


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
