"""A Redis that refuses commands counts as one that is away, and how its address is written."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from django.test import Client
from pytest_django.fixtures import Settings

from scripts.servers import Valkey, free_port
from tests.helpers import link
from unsub.infra import heartbeat, link_counts, rate_limit
from unsub.infra.redis_connections import (
    AddressError,
    Pool,
    RefusedError,
    connection_options,
    read_address,
)
from unsub.infra.spool_queue import SpoolQueue
from unsub.outbox import spool, wakeup


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    """A Valkey of this module's own."""
    valkey = Valkey()
    valkey.start()
    yield valkey
    valkey.close()


@pytest.fixture
def replica(server: Valkey) -> Iterator[Valkey]:
    """The same server, as the replica of a master that is away."""
    with closing(redis.Redis.from_url(server.url)) as admin:
        admin.replicaof("127.0.0.1", str(free_port()))
        yield server
        admin.replicaof("NO", "ONE")


def client_of(server: Valkey) -> redis.Redis:
    """Return a client of ours."""
    return redis.Redis.from_pool(Pool.from_url(server.url, socket_timeout=5))


def test_a_client_that_was_refused_connects_anew(replica: Valkey) -> None:
    with closing(client_of(replica)) as client:
        before = client.client_id()
        assert client.client_id() == before
        with pytest.raises(RefusedError, match="READONLY"):
            client.set("key", "value")
        assert client.client_id() != before


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("maxmemory", "1", "OOM"), ("min-replicas-to-write", "1", "NOREPLICAS")],
)
def test_a_server_that_cannot_store_counts_as_away(
    server: Valkey, name: str, value: str, code: str
) -> None:
    with closing(client_of(server)) as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            with pytest.raises(redis.ConnectionError, match=code):
                client.set("key", "value")
            with pytest.raises(redis.ConnectionError, match=code):
                client.register_script("return redis.call('SET', KEYS[1], 1)")(keys=["key"])
        finally:
            client.config_set(name, str(before))


def test_a_command_that_is_wrong_is_no_connection_error(server: Valkey) -> None:
    with closing(client_of(server)) as client:
        client.set("text", "x")
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.lpush("text", "y")


@pytest.fixture
def refusing(replica: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The broker takes no writes: for every client of the web process."""
    with closing(client_of(replica)) as client:
        monkeypatch.setattr(heartbeat, "_broker", client)
        monkeypatch.setattr(rate_limit, "_counters", client)
        monkeypatch.setattr(spool, "_queue", SpoolQueue(client))
        for module in (wakeup, link_counts):
            monkeypatch.setattr(module, "_client", client)
        yield


@pytest.mark.usefixtures("refusing")
def test_nothing_fails_where_the_broker_takes_no_writes() -> None:
    wakeup.wake(510001)
    heartbeat.record("beat")
    link_counts.count(link_counts.Counted.TEST_LINK, link_counts.Name(mid=510001))
    assert rate_limit.allow("page", "a digest", times=1, seconds=60)


@pytest.mark.usefixtures("refusing", "database_away")
@pytest.mark.django_db(transaction=True)
def test_without_a_database_a_broker_that_takes_no_writes_accepts_nothing(
    client: Client, settings: Settings
) -> None:
    answer = client.post(link(settings))
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0


def test_an_address_of_sentinels_has_user_master_database_and_a_login_for_them() -> None:
    address = read_address(
        "rediss+sentinel://ada:p%40ss@one.example.com,[::1]:26380/main/2"
        "?ssl_cert_reqs=none&sentinel_username=watch&sentinel_password=w%26rd"
    )
    assert address.sentinels == (("one.example.com", 26379), ("::1", 26380))
    assert (address.master, address.login) == (
        "main", {"username": "watch", "password": "w&rd"},
    )  # fmt: skip
    options = connection_options(address.url)
    assert issubclass(options["connection_class"], redis.SSLConnection)
    assert (options["username"], options["password"]) == ("ada", "p@ss")
    assert (options["db"], options["ssl_cert_reqs"]) == (2, "none")


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://one.example.com:26379",
        "sentinel://one.example.com:26379/",
        "sentinel://one.example.com:port/main",
        "sentinel://one.example.com,/main",
        "sentinel://one.example.com/main/second",
    ],
)
def test_an_address_of_sentinels_without_a_host_or_a_master_is_refused(url: str) -> None:
    with pytest.raises(AddressError):
        read_address(url)


def test_a_socket_is_an_address_too() -> None:
    options = connection_options("unix:///run/redis.sock?db=3")
    assert (options["path"], options["db"]) == ("/run/redis.sock", 3)
