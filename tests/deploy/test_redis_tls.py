"""Redis over TLS (rediss://): the clients, the cache and Celery's transport.

The Valkey of the tests is built without TLS, so a process of the tests accepts TLS before it.
"""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from scripts.servers import HOST, Valkey
from scripts.steps import ROOT
from tests.certificates import self_signed

PASSWORD = "a-password"
# What a socket of `ssl` raises where another thread has just closed it.
ENDED = (OSError, ValueError, AttributeError)
PROGRAM = """
import django
django.setup()
from django.core.cache import caches
from unsub.infra.redis_client import quick_client
from unsub.tasks import sweep
broker = quick_client(5)
assert broker.ping()
for name in ("default", "shared"):
    caches[name].set("one", 1.5)
    assert caches[name].get("one") == 1.5
sweep.delay()
assert broker.llen("celery") == 1
print("all of it")
"""


class Encrypted:
    """A port that accepts TLS, and passes on to the port of a server without it."""

    def __init__(self, to: int, certificate: Path) -> None:
        self._to = to
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            suppress(*ENDED),
            self._context.wrap_socket(connection, server_side=True) as client,
            socket.create_connection((HOST, self._to)) as server,
        ):
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            _pass_on(client, server)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(*ENDED):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(*ENDED):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def port(certificate: Path) -> Iterator[int]:
    """The port of a Valkey with a password, over TLS."""
    server = Valkey()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", PASSWORD)
    encrypted = Encrypted(server.port, certificate)
    yield encrypted.port
    encrypted.close()
    server.close()


def run(url: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program with this broker and cache."""
    with_url = {
        "REDIS_URL": url,
        "CACHE_URL": url,
        "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env=os.environ | with_url | {"SECRET_KEY": "x" * 60} | environ, check=False,
    )  # fmt: skip


def test_a_certificate_of_a_known_authority_is_enough(certificate: Path, port: int) -> None:
    with redis.Redis.from_url(
        f"rediss://:{PASSWORD}@localhost:{port}/0", ssl_ca_certs=certificate
    ) as client:
        client.flushall()
    done = run(f"rediss://:{PASSWORD}@localhost:{port}/0", SSL_CERT_FILE=str(certificate))
    assert (done.stdout, done.returncode) == ("all of it\n", 0), done.stderr[-2000:]


def test_an_authority_of_ones_own_is_named_in_the_address(certificate: Path, port: int) -> None:
    with redis.Redis.from_url(
        f"rediss://:{PASSWORD}@localhost:{port}/0", ssl_ca_certs=certificate
    ) as client:
        client.flushall()
    done = run(f"rediss://:{PASSWORD}@localhost:{port}/0?ssl_ca_certs={certificate}")
    assert (done.stdout, done.returncode) == ("all of it\n", 0), done.stderr[-2000:]


def test_a_certificate_that_nobody_vouches_for_is_refused(port: int) -> None:
    done = run(f"rediss://:{PASSWORD}@localhost:{port}/0")
    assert done.returncode
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert PASSWORD not in done.stderr
