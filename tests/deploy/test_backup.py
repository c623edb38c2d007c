"""The backup and restore scripts, with a real PostgreSQL behind a fake `docker` command."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from scripts.servers import HOST, Postgres, postgres_programs
from scripts.steps import ROOT

# The scripts call `docker compose` to run a program in the database's container, with a pipe as its
# output, and to stop, run and start services, which is recorded.
DOCKER = """#!/bin/sh
[ "$1" = compose ] || exit 64
shift
case "$*" in
    "exec -T postgres pg_dump "*) shift 3; "$@" | cat ;;
    "exec -T postgres "*) shift 3; exec "$@" ;;
    *) echo "$*" >>"$NOTES" ;;
esac
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL with the user and the database of the compose file."""
    postgres = Postgres()
    postgres.start()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE profilecenter SUPERUSER LOGIN PASSWORD 'profilecenter'")
        connection.execute("CREATE DATABASE profilecenter OWNER profilecenter")
    yield postgres
    postgres.close()


@pytest.fixture
def environ(server: Postgres, tmp_path: Path) -> dict[str, str]:
    """The environment in which `docker compose exec postgres` uses the server."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    return {
        "PATH": f"{tmp_path}{os.pathsep}{postgres_programs()}{os.pathsep}{os.defpath}",
        "PGHOST": HOST,
        "PGPORT": str(server.port),
        "PGPASSWORD": "profilecenter",
        "NOTES": str(tmp_path / "notes"),
    }


def run(script: str, file: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Return a script that has ended, with any status."""
    return subprocess.run(
        [f"scripts/deploy/{script}.sh", str(file)], cwd=ROOT, env=environ,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def names(server: Postgres, database: str = "profilecenter") -> list[str]:
    """Return the rows of the table that is backed up."""
    dsn = f"host={HOST} port={server.port} user=profilecenter password=profilecenter"
    with psycopg.connect(dsn, dbname=database) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM kept ORDER BY name")]


def write(server: Postgres, statement: str) -> None:
    """Run a statement in the deployment's database."""
    dsn = f"host={HOST} port={server.port} user=profilecenter password=profilecenter"
    with psycopg.connect(dsn, dbname="profilecenter", autocommit=True) as connection:
        connection.execute(statement)


def test_a_backup_can_be_restored_and_the_replaced_database_is_kept(
    server: Postgres, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "requests.dump"
    write(server, "CREATE TABLE kept AS SELECT 'before' AS name")
    assert run("backup", file, environ).returncode == 0
    assert file.stat().st_mode & 0o077 == 0
    write(server, "INSERT INTO kept VALUES ('since')")

    # A truncated file changes nothing and stops no service.
    (tmp_path / "cut.dump").write_bytes(file.read_bytes()[:-200])
    cut = run("restore", tmp_path / "cut.dump", environ)
    assert cut.returncode != 0
    assert names(server) == ["before", "since"]
    assert not Path(environ["NOTES"]).exists()

    # Connections of the pages do not prevent the restore.
    dsn = f"host={HOST} port={server.port} user=profilecenter password=profilecenter"
    with closing(psycopg.connect(dsn, dbname="profilecenter")) as page:
        page.execute("SELECT 1")
        done = run("restore", file, environ)
    assert done.returncode == 0, done.stderr
    assert names(server) == ["before"]
    assert names(server, "profilecenter_before") == ["before", "since"]
    assert Path(environ["NOTES"]).read_text().splitlines() == [
        "stop worker beat",
        "run --rm --no-deps migrate",
        "start worker beat",
    ]

    # The kept database is not overwritten.
    again = run("restore", file, environ)
    assert again.returncode != 0
    assert "profilecenter_before" in again.stderr


def test_a_missing_file_is_reported(environ: dict[str, str], tmp_path: Path) -> None:
    done = run("restore", tmp_path / "none.dump", environ)
    assert done.returncode != 0
    assert "does not exist" in done.stderr
