"""kombu's Redis transport, changed so that workers survive a restart of the broker."""

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(redis.Channel):
    """A channel that notices a lost connection.

    When a channel closes, kombu restores unacknowledged messages over a connection that may have no
    client any more; the AttributeError ends the whole worker (kombu 5.7). Wake-ups need not be
    restored, and a lost connection raises a connection error.
    """

    do_restore = False

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        """Return the connection parameters; raises redis's ConnectionError on a closed channel."""
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the channel is closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]


class Transport(redis.Transport):
    """The transport named in settings.py."""

    Channel = Channel
