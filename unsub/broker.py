"""Redis, asked quickly: what does not answer in a blink counts as away."""

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def quick_client(seconds: float = settings.REDIS_TIMEOUT) -> redis.Redis:
    """Return a client whose every command ends within `seconds`, tried once."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
