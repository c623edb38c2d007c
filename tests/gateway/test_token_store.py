"""The access token that all processes share."""

from typing import Any

import redis
from django.conf import settings

from unsub.gateway.token_store import CachedTokenStore


def test_the_lock_of_a_process_killed_during_a_renewal_ends_before_others_stop_waiting() -> None:
    held = CachedTokenStore("one").lock()
    assert held.__enter__()  # and never __exit__, as after SIGKILL
    with CachedTokenStore("one").lock() as mine:
        assert not mine
    client: Any = redis.Redis.from_url(settings.CACHE_URL)
    (key,) = client.scan_iter("*sfmc-token-renewal*")
    assert 0 < client.ttl(key) <= settings.SFMC_TIMEOUT / 2


def test_only_one_process_renews_at_a_time() -> None:
    with CachedTokenStore("one").lock() as first, CachedTokenStore("one").lock() as second:
        assert (first, second) == (True, False)
    with CachedTokenStore("one").lock() as third:
        assert third
