"""The private servers keep their data when they are killed or restarted."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from scripts.servers import Postgres, Valkey


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the test's own."""
    server = Postgres()
    server.start()
    yield server
    server.close()


def test_postgres_keeps_committed_data_when_it_is_killed(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgres.kill()
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_postgres_requires_its_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace("@", "-not@"))


def test_closing_a_server_removes_its_files() -> None:
    server = Postgres()
    server.start()
    server.close()
    assert not server.folder.exists()


def test_valkey_keeps_its_data_over_a_restart_with_persistence(tmp_path: Path) -> None:
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
