"""The private servers keep what they were told, however they are ended."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from scripts.servers import Postgres, Valkey


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own."""
    server = Postgres()
    server.start()
    yield server
    server.close()


def test_postgres_keeps_what_was_committed_when_it_is_killed(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgres.kill()
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_postgres_asks_for_its_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace("@", "-not@"))


def test_nothing_is_left_of_a_server_that_was_closed() -> None:
    server = Postgres()
    server.start()
    server.close()
    assert not server.folder.exists()


def test_valkey_keeps_its_data_over_a_restart_where_it_is_asked_to(tmp_path: Path) -> None:
    server = Valkey(folder=tmp_path, persist=True)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "7")
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("kept") == b"7"
    finally:
        server.close()
