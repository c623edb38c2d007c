"""deploy/backup/backup.sh with a real PostgreSQL, and the schedule as the application sees it."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.servers import HOST, Postgres, postgres_programs
from scripts.steps import ROOT

SCRIPT = ROOT / "deploy" / "backup" / "backup.sh"
DSN = "host={host} port={port} user=profilecenter password=profilecenter dbname={name}"
TABLES = """
    CREATE TABLE unsub_backupschedule (
        id bigint PRIMARY KEY, every_seconds int, began_at timestamptz, completed_at timestamptz);
    CREATE TABLE kept (id int PRIMARY KEY, name text, at timestamptz DEFAULT now());
    CREATE TABLE empty (id int);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL with the user and the database of the compose file."""
    postgres = Postgres()
    postgres.start()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE profilecenter SUPERUSER LOGIN PASSWORD 'profilecenter'")
        connection.execute("CREATE DATABASE profilecenter OWNER profilecenter")
    write(postgres, TABLES)
    yield postgres
    postgres.close()


def write(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    """Run a statement in the deployment's database; return its rows."""
    dsn = DSN.format(host=HOST, port=server.port, name="profilecenter")
    with psycopg.connect(dsn, autocommit=True) as connection:
        done = connection.execute(statement.encode())
        return done.fetchall() if done.description else []


def databases(server: Postgres) -> set[object]:
    """Return the names of the databases."""
    return {name for (name,) in write(server, "SELECT datname FROM pg_database")}


@pytest.fixture
def environ(server: Postgres, tmp_path: Path) -> dict[str, str]:
    """The environment of the container."""
    (tmp_path / "password").write_text("profilecenter\n")
    (tmp_path / "no_key").write_text("\n")
    (tmp_path / "backups").mkdir()
    return {
        "PATH": f"{postgres_programs()}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": HOST, "PGPORT": str(server.port),
        "PGPASSWORD_FILE": str(tmp_path / "password"),
        "BACKUP_FOLDER": str(tmp_path / "backups"),
        "BACKUP_KEY_FILE": str(tmp_path / "no_key"),
        "TMPDIR": str(tmp_path),
    }  # fmt: skip


def backup(
    *arguments: str, environ: dict[str, str], given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Return the script when it has ended, with any status."""
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments], env=environ, input=given, capture_output=True,
        timeout=120, check=False,
    )  # fmt: skip


def made(environ: dict[str, str]) -> list[str]:
    """Return the names of the files in the folder."""
    return sorted(path.name for path in Path(environ["BACKUP_FOLDER"]).iterdir())


def test_a_backup_is_restored_by_a_drill_and_compared_row_by_row(
    server: Postgres, environ: dict[str, str]
) -> None:
    write(server, "INSERT INTO kept SELECT n, 'name ' || n FROM generate_series(1, 500) n")
    done = backup("once", environ=environ)
    assert done.returncode == 0, done.stderr
    [name, books] = made(environ)
    assert re.fullmatch(r"requests-\d{8}T\d{6}Z\.dump", name)
    assert books == f"{name}.books"
    assert Path(environ["BACKUP_FOLDER"], name).stat().st_mode & 0o077 == 0
    assert "kept|500|" in Path(environ["BACKUP_FOLDER"], books).read_text()
    # What is written later is not in it, and not in its books.
    write(server, "UPDATE kept SET name = 'another' WHERE id = 7")
    done = backup("drill", environ=environ)
    assert done.returncode == 0, done.stderr
    assert b"3 tables, 500 rows, all as they were" in done.stderr
    assert "profilecenter_drill" not in databases(server)
    # A restored row that differs is found, with its table. A backup is named by the second.
    time.sleep(1.1)
    now = backup("once", environ=environ)
    assert now.returncode == 0, now.stderr
    newest = max(one for one in made(environ) if one.endswith(".dump"))
    given = Path(environ["BACKUP_FOLDER"], newest).read_bytes()
    wrong = backup("drill", "-", books, environ=environ, given=given)
    assert wrong.returncode != 0
    assert b"< kept|500|" in wrong.stdout + wrong.stderr
    assert backup("drill", "-", f"{newest}.books", environ=environ, given=given).returncode == 0
    cut = backup("drill", "-", f"{newest}.books", environ=environ, given=given[:-300])
    assert cut.returncode != 0
    assert "profilecenter_drill" not in databases(server)
    assert backup("cat", newest, environ=environ).stdout == given


def test_a_failing_dump_leaves_no_file_and_the_next_run_none_of_its_parts(
    server: Postgres, environ: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pg_dump").write_text("#!/bin/sh\necho half\nexit 1\n")
    (broken / "pg_dump").chmod(0o755)
    path = {"PATH": f"{broken}{os.pathsep}{environ['PATH']}"}
    assert backup("once", environ=environ | path).returncode != 0
    assert all(name.endswith(".part") for name in made(environ))
    assert backup("list", environ=environ).stdout == b""
    assert backup("healthy", environ=environ).returncode != 0
    assert backup("once", environ=environ).returncode == 0
    assert len(made(environ)) == 2
    assert backup("healthy", environ=environ).returncode == 0
    hour_ago = Path(environ["BACKUP_FOLDER"], made(environ)[0]).stat().st_mtime - 3600
    os.utime(Path(environ["BACKUP_FOLDER"], made(environ)[0]), (hour_ago, hour_ago))
    late = {"BACKUP_MINUTES": "30"}
    assert backup("healthy", environ=environ | late).returncode != 0


def test_the_newest_are_kept(environ: dict[str, str]) -> None:
    folder = Path(environ["BACKUP_FOLDER"])
    for day in range(1, 6):
        (folder / f"requests-2026010{day}T000000Z.dump").write_text("x")
        (folder / f"requests-2026010{day}T000000Z.dump.books").write_text("x")
    assert backup("once", environ=environ | {"BACKUP_KEEP": "3"}).returncode == 0
    listed = backup("list", environ=environ).stdout.decode().split()
    assert listed[:2] == ["requests-20260104T000000Z.dump", "requests-20260105T000000Z.dump"]
    assert len(listed) == 3
    assert len(made(environ)) == 6


def test_an_encrypted_backup_is_read_with_the_private_key_alone(
    server: Postgres, environ: dict[str, str], tmp_path: Path
) -> None:
    if not (gpg := shutil.which("gpg")):
        pytest.skip("there is no gpg on PATH")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)

    def run(*words: str, given: bytes = b"") -> bytes:
        command = [gpg, "--homedir", str(home), "--batch", "--quiet", *words]
        return subprocess.run(
            command, input=given, capture_output=True, timeout=60, check=True
        ).stdout

    run("--passphrase", "", "--quick-generate-key", "backup@example.com", "default", "default")
    key = tmp_path / "key"
    key.write_bytes(run("--armor", "--export"))
    done = backup("once", environ=environ | {"BACKUP_KEY_FILE": str(key)})
    assert done.returncode == 0, done.stderr
    [name, books] = made(environ)
    assert name.endswith(".dump.gpg")
    stored = Path(environ["BACKUP_FOLDER"], name).read_bytes()
    assert not stored.startswith(b"PGDMP")
    assert b"decrypt it" in backup("drill", name, environ=environ).stderr
    clear = run("--decrypt", given=stored)
    assert clear.startswith(b"PGDMP")
    drill = backup("drill", "-", books, environ=environ, given=clear)
    assert drill.returncode == 0, drill.stderr
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], timeout=60, check=False)


def test_a_backup_by_hand_ends_the_alarm_of_a_schedule_and_makes_no_schedule(
    server: Postgres, environ: dict[str, str]
) -> None:
    assert backup("once", environ=environ).returncode == 0
    assert write(server, "SELECT count(*) FROM unsub_backupschedule") == [(0,)]
    write(server, "INSERT INTO unsub_backupschedule VALUES (1, 60, now() - interval '1 day', NULL)")
    # A backup is named by the second.
    time.sleep(1.1)
    assert backup("once", environ=environ).returncode == 0
    late = (
        "SELECT count(*) FROM unsub_backupschedule WHERE completed_at > now() - interval '1 hour'"
    )
    assert write(server, late) == [(1,)]
    assert backup("stop", environ=environ).returncode == 0


def test_the_schedule_writes_down_what_it_has_completed(
    server: Postgres, environ: dict[str, str]
) -> None:
    schedule = subprocess.Popen(
        ["bash", str(SCRIPT), "schedule"], env=environ, stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert schedule.stderr
    assert b"requests-" in schedule.stderr.readline()
    found: list[tuple[object, ...]] = []
    while not found and schedule.poll() is None:
        found = write(
            server, "SELECT every_seconds FROM unsub_backupschedule WHERE completed_at > began_at"
        )
    schedule.terminate()
    schedule.communicate(timeout=60)
    assert found == [(360 * 60,)]
    assert backup("stop", environ=environ).returncode == 0
    assert write(server, "SELECT count(*) FROM unsub_backupschedule") == [(0,)]
