"""kombu's Redis transport, so that a worker lives through a restart of the broker."""

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(redis.Channel):
    """A channel that knows when its connection is gone.

    Closing it, kombu puts back what was not acknowledged, over a connection that may have no
    client any more; that is an AttributeError, which ends the whole worker (kombu 5.7). A bell
    need not be put back, and a connection that is gone is a connection error like any other.
    """

    do_restore = False

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        """Return where to connect to; raises redis's ConnectionError on a closed channel."""
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the channel is closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]


class Transport(redis.Transport):
    """The transport that settings.py names."""

    Channel = Channel
