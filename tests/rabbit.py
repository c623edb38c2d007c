"""A real RabbitMQ, where one is installed (Debian's package `rabbitmq-server`)."""

import secrets
import shutil
import socket
from pathlib import Path

import pytest

from scripts.servers import HOST, Server, ServerError, _tied_to_us, free_port

# The package's own: the one in /usr/sbin changes to a user whose folders only it may use.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER, WORD = "profilecenter", secrets.token_hex(8)
CONFIGURATION = """
listeners.tcp.local = {host}:{port}
default_user = {user}
default_pass = {word}
"""


class RabbitMq(Server):
    """A node of its own, with an epmd of its own: Erlang starts one that outlives the test
    otherwise."""

    name = "rabbitmq"
    start_seconds = 120.0

    def __init__(self) -> None:
        super().__init__()
        self._epmd = _Epmd()
        (self.folder / "rabbitmq.conf").write_text(
            CONFIGURATION.format(host=HOST, port=self.port, user=USER, word=WORD)
        )
        (self.folder / "plugins").write_text("[].")

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{WORD}@{HOST}:{self.port}/"

    def start(self) -> None:
        self._epmd.start()
        super().start()

    def close(self) -> None:
        """Stop the node and its epmd, and remove its data."""
        super().close()
        self._epmd.close()

    def _command(self) -> list[str]:
        told = {
            "HOME": self.folder,  # of Erlang's cookie
            "ERL_EPMD_PORT": self._epmd.port,
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"pc{self.port}@localhost",
            "RABBITMQ_DIST_PORT": free_port(),
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq",
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "plugins",
        }
        pairs = (f"{name}={value}" for name, value in told.items())
        return [*_tied_to_us(), "env", *pairs, str(program())]

    def _answers(self) -> bool:
        """Whether it answers AMQP's greeting with its own first frame."""
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False


class _Epmd(Server):
    """Erlang's port mapper."""

    name = "epmd"

    @property
    def url(self) -> str:
        return f"{HOST}:{self.port}"

    def _command(self) -> list[str]:
        found = shutil.which("epmd")
        if found is None:
            raise ServerError("no epmd is installed")
        return [*_tied_to_us(), found, "-port", str(self.port), "-address", HOST]

    def _answers(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True


def program() -> Path:
    """Return the path of the program. Skips the test where none is installed."""
    if not PROGRAM.exists():
        pytest.skip("no rabbitmq-server is installed")
    return PROGRAM
