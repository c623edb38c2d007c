"""kombu's Redis transport, changed so that workers and beat survive a restart or a failover of the
broker, and find it by Sentinel."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from kombu.transport import redis, virtual
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from unsub.infra.redis_connections import connection_options

# Written once for each connection: whether the broker takes writes.
PROBE = "profilecenter:broker_probe"
_NOT_FOR_SOCKETS = ("host", "port", "socket_connect_timeout", "socket_keepalive")


class QoS(redis.QoS):
    """What a channel has delivered and its worker not yet acknowledged.

    kombu keeps a message in it whose acknowledgement the broker did not take, and Celery only logs
    that. A worker that waits for room asks the broker for nothing: when the last place was taken,
    no error told it of the lost connection, and it never asked again (kombu 5.7). Here the place is
    free, so that the next question finds the broker, or the error that leads to a new connection.
    The broker returns the message after the visibility timeout; a wake-up too many does no harm.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message. Raises RedisError, with its place free."""
        with self._freed(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message. Raises RedisError, with its place free."""
        with self._freed(delivery_tag):
            super().reject(delivery_tag, requeue)

    @contextmanager
    def _freed(self, delivery_tag: str) -> Iterator[None]:
        try:
            yield
        except RedisError:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """A channel that notices a lost connection, and a broker that takes no writes.

    When a channel closes, kombu restores unacknowledged messages over a connection that may have no
    client any more; the AttributeError ends the whole worker (kombu 5.7). Wake-ups need not be
    restored, and a lost connection raises a connection error.
    """

    do_restore = False
    QoS = QoS

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        """Return the connection parameters; raises redis's ConnectionError on a closed channel."""
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the channel is closed")
        ours = connection_options(settings.REDIS_URL)
        # kombu derives a class of its own from it, which also tells the poller.
        self.connection_class = self.connection_class_ssl = ours.pop("connection_class")
        params = super()._connparams(*args, **kwargs) | ours  # type: ignore[misc]
        if "path" in ours:
            for name in (*_NOT_FOR_SOCKETS, "socket_keepalive_options"):
                params.pop(name, None)
        return params


class Transport(redis.Transport):
    """The transport named in settings.py. Its address is REDIS_URL."""

    Channel = Channel

    def establish_connection(self) -> Any:
        """Return the connection. Raises redis's ConnectionError where the broker takes no writes:
        a worker would otherwise start, be refused, and start again without a pause."""
        connection = super().establish_connection()
        waiting: list[Channel] = self._avail_channels  # type: ignore[attr-defined]  # kombu's
        channel = waiting[-1]
        try:
            channel.client.set(PROBE, 1, ex=1)
        except Exception:
            waiting.remove(channel)
            channel.close()
            raise
        return connection
