"""A private PgBouncer in front of a PostgreSQL server, where one is installed."""

import os
import pwd
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from .servers import HOST, UNPRIVILEGED, Server, ServerError, _tied_to_us

CONFIGURATION = """
[databases]
* = host={server_host} port={server}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = {sessions}
server_login_retry = 1
max_client_conn = 200
"""


class PgBouncer(Server):
    """PgBouncer in transaction mode, in front of the server of `database`. All clients together
    have so many sessions of the server: two by default, so that none has one of its own."""

    name = "pgbouncer"

    def __init__(self, database: str, *, sessions: int = 2, host: str = HOST) -> None:
        super().__init__()
        self._database = urlsplit(database)
        self._host = host
        users, self._file = self.folder / "users.txt", self.folder / "pgbouncer.ini"
        users.write_text(f'"{self._database.username}" "{self._database.password}"\n')
        self._file.write_text(
            CONFIGURATION.format(
                host=host, server_host=self._database.hostname, server=self._database.port,
                port=self.port, users=users, sessions=sessions,
            )
        )  # fmt: skip
        self._options: list[str] = []
        if os.geteuid() == 0:  # PgBouncer does not run as root
            user = pwd.getpwnam(UNPRIVILEGED)
            for path in (self.folder, users, self._file):
                os.chown(path, user.pw_uid, user.pw_gid)
            self._options = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    @property
    def url(self) -> str:
        """The address of the same database, by the pooler."""
        login = self._database.netloc.rpartition("@")[0]
        return self._database._replace(netloc=f"{login}@{self._host}:{self.port}").geturl()

    def _command(self) -> list[str]:
        found = installed()
        if found is None:
            raise ServerError("no pgbouncer is installed")
        return [*_tied_to_us(*self._options), str(found), str(self._file)]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def installed() -> Path | None:
    """Return the path of the program, or None."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    return Path(found) if found else None
