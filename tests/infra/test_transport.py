"""Celery's transport takes its address from REDIS_URL, in every form, and needs a broker that takes
writes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from kombu import Connection
from pytest_django.fixtures import Settings

from profilecenter.transport import Channel, Transport
from scripts.servers import Valkey, free_port
from unsub.infra.redis_connections import RefusedError


class ValkeyWithSocket(Valkey):
    """A Valkey that also listens on a socket in its folder."""

    @property
    def socket(self) -> Path:
        """The path of the socket."""
        return self.folder / "valkey.sock"

    def command(self) -> list[str]:
        """Return the server's command line."""
        return [*super().command(), "--unixsocket", str(self.socket)]


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyWithSocket]:
    """A Valkey of this module's own."""
    valkey = ValkeyWithSocket()
    valkey.start()
    yield valkey
    valkey.close()


def test_the_transport_connects_to_a_port_and_to_a_socket(
    server: ValkeyWithSocket, settings: Settings
) -> None:
    for address in (f"redis://127.0.0.1:{server.port}/3", f"unix://{server.socket}?db=3"):
        settings.REDIS_URL = address
        with Connection("redis://unused.example.com:1", transport=Transport) as connection:
            connection.connect()
            with closing(connection.SimpleQueue("tried")) as queue:
                queue.put("here")
                assert queue.get(timeout=60).payload == "here"
                queue.clear()


def test_the_transport_does_not_connect_to_a_replica(
    server: ValkeyWithSocket, settings: Settings
) -> None:
    settings.REDIS_URL = server.url
    with closing(redis.Redis.from_url(server.url)) as admin:
        admin.replicaof("127.0.0.1", str(free_port()))
        try:
            with (
                Connection("redis://unused.example.com:1", transport=Transport) as connection,
                pytest.raises(RefusedError, match="READONLY"),
            ):
                connection._connection_factory()
            assert issubclass(RefusedError, Transport.connection_errors)
        finally:
            admin.replicaof("NO", "ONE")


def test_a_message_whose_acknowledgement_is_refused_takes_no_place(
    server: ValkeyWithSocket, settings: Settings
) -> None:
    settings.REDIS_URL = server.url
    with (
        closing(redis.Redis.from_url(server.url)) as admin,
        Connection("redis://unused.example.com:1", transport=Transport) as connection,
        closing(connection.SimpleQueue("refused")) as queue,
    ):
        channel: Channel = queue.consumer.channel  # type: ignore[assignment]
        channel.basic_qos(prefetch_count=2)
        queue.put("first")
        queue.put("second")
        messages = [queue.get(timeout=60), queue.get(timeout=60)]
        assert not channel.qos.can_consume()
        admin.replicaof("127.0.0.1", str(free_port()))
        try:
            for message, end in zip(messages, ("ack", "reject"), strict=True):
                with pytest.raises(RefusedError, match="READONLY"):
                    getattr(message, end)()
        finally:
            admin.replicaof("NO", "ONE")
        assert channel.qos.can_consume()
        queue.put("third")
        assert queue.get(timeout=60).payload == "third"
