"""The disk under the database of a run, which can be full. The server's log and its WAL are on
another one, so that the server itself does not stop."""

import os
import pwd
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from shutil import which

import psycopg

from scripts.servers import UNPRIVILEGED, Postgres

ROOM = 1 << 30  # bytes: an upper limit, of which only what is used takes memory
# A namespace of its own: no other process sees the file system, and it ends with this one.
MOUNT = 'mount -t tmpfs -o "$1" chaos "$2" && echo mounted && exec sleep infinity'
SWITCH = "chaos-disk-full"
# As PostgreSQL logs them.
DISK_FULL = "No space left on device"
READ_ONLY = "in a read-only transaction"
# Every table refuses every change while the file is there.
SIMULATION = """
CREATE FUNCTION chaos_disk() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF (pg_stat_file('chaos-disk-full', true)).size IS NOT NULL THEN
        RAISE EXCEPTION 'No space left on device (simulated)' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END $body$;
DO $body$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TRIGGER chaos_disk BEFORE INSERT OR UPDATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION chaos_disk()', name);
    END LOOP;
END $body$;
"""


class Disk(ABC):
    """What the database is on."""

    is_simulated = False

    def prefix(self) -> list[str]:
        """Return the command prefix of a server that can see the disk."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Remove the disk."""

    @abstractmethod
    def create_database(self, server: str, name: str) -> None:
        """Create a database on the disk."""

    @abstractmethod
    def migrated(self, database: str) -> None:
        """Do what needs the tables of the database."""

    @abstractmethod
    def fill(self) -> None:
        """Leave no room."""

    @abstractmethod
    def empty(self) -> None:
        """Leave room again."""


class SmallDisk(Disk):
    """A file system in memory for the tables and indexes of one database. Raises PermissionError
    where this process must not mount one."""

    def __init__(self, folder: Path) -> None:
        if sys.platform != "linux" or os.geteuid() or not (which("unshare") and which("nsenter")):
            raise PermissionError("only root on Linux mounts file systems")
        folder.mkdir()
        self._folder = folder
        user = pwd.getpwnam(UNPRIVILEGED)
        options = f"size={ROOM},mode=700,uid={user.pw_uid},gid={user.pw_gid}"
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation",
             "private", "--", "sh", "-c", MOUNT, "sh", options, str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"mounted\n":
            self.close()
            raise PermissionError("this process must not mount a file system")

    def prefix(self) -> list[str]:
        """Return the command prefix of a process in the namespace of the disk."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"]

    def close(self) -> None:
        """Remove the disk, which must not be in use any more."""
        self._holder.kill()
        self._holder.wait()
        assert self._holder.stdout is not None
        self._holder.stdout.close()

    def create_database(self, server: str, name: str) -> None:
        """Create a database whose tables and indexes are on the disk."""
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{self._folder}'".encode())
            connection.execute(f"CREATE DATABASE {name} TABLESPACE small".encode())

    def migrated(self, database: str) -> None:
        """Do nothing."""

    def fill(self) -> None:
        """Make the disk as small as what is on it."""
        while True:
            seen = os.statvfs(f"/proc/{self._holder.pid}/root{self._folder}")
            # Refused where more was written meanwhile.
            if self._resize((seen.f_blocks - seen.f_bfree) * seen.f_frsize):
                return

    def empty(self) -> None:
        """Give the disk its room back."""
        assert self._resize(ROOM)

    def _resize(self, size: int) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self._folder)]
        done = subprocess.run(
            [*self.prefix(), *command], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=60, check=False,
        )  # fmt: skip
        return done.returncode == 0


class SimulatedDisk(Disk):
    """PostgreSQL's own refusal, with the code of a full disk, by a trigger on every table. Unlike
    with a full disk, no change is possible at all, not even one that needs no new page."""

    is_simulated = True

    def __init__(self, data: Path) -> None:
        self._switch = data / SWITCH

    def close(self) -> None:
        """Do nothing: the server's folder has everything."""

    def create_database(self, server: str, name: str) -> None:
        """Create a database."""
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())

    def migrated(self, database: str) -> None:
        """Create the triggers."""
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(SIMULATION.encode())

    def fill(self) -> None:
        """Refuse changes from now on."""
        self._switch.touch()

    def empty(self) -> None:
        """Accept changes again."""
        self._switch.unlink()


def small_disk(folder: Path) -> Disk:
    """Return a disk for a server of this folder: a simulated one where none can be mounted."""
    try:
        return SmallDisk(folder / "disk")
    except PermissionError:
        return SimulatedDisk(folder / "data")


class ChaosPostgres(Postgres):
    """A PostgreSQL server for one database, on a disk that can be full."""

    def __init__(self, make_disk: Callable[[Path], Disk] = small_disk) -> None:
        super().__init__()
        self.disk = make_disk(self.folder)

    def _command(self) -> list[str]:
        return [*self.disk.prefix(), *super()._command()]

    def close(self) -> None:
        """Stop the server and remove its data and its disk."""
        super().close()
        self.disk.close()

    def set_read_only(self, *, on: bool) -> None:
        """Make every transaction that begins from now on read-only, in every session, or undo it.

        A session of the application cannot tell it from a standby that a failover left it with.
        """
        change = "SET default_transaction_read_only = on" if on else (
            "RESET default_transaction_read_only"
        )  # fmt: skip
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM {change}".encode())
            connection.execute("SELECT pg_reload_conf()")

    def refusals(self, words: str) -> int:
        """Return how many statements the server has refused with these words."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sum("ERROR:" in line and words in line for line in lines)
