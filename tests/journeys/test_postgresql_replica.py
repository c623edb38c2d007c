"""Exports read from a real streaming replica while it follows, and from the primary otherwise."""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from scripts.servers import Postgres
from scripts.steps import ROOT
from tests.journeys.processes import wait_for

ROW = """
    INSERT INTO unsub_subscriberrequest (mid, subscriber_id, subscriber_key, email_address, job_id,
        list_id, target_type, target_id, batch_id, scope, channel, reason_text, language, scanner,
        received_at, status, next_attempt_at, give_up_at, attempts, outcome, sfmc_request_id)
    VALUES (510001, 1, '', '', %s, 7001, 'list', 7001, 0, 'list', 'one_click', '', '', '', now(),
        'pending', now(), now() + interval '10 days', 0, '', '')
"""
CAUGHT_UP = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"


class Replica(Postgres):
    """A streaming replica, made by pg_basebackup."""

    def __init__(self, primary: Postgres) -> None:
        super().__init__()
        self._primary, self._password = primary, primary._password

    def _initialise(self) -> None:
        command = [
            *self._prefix(), self._binary("pg_basebackup"), "--pgdata", str(self._data()),
            "--dbname", self._primary.url, "--write-recovery-conf", "--checkpoint", "fast",
        ]  # fmt: skip
        subprocess.run(command, cwd=self.folder, check=True, timeout=120)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def replica(own_postgres: Postgres) -> Iterator[Replica]:
    """A replica of the test's own server."""
    with closing(Replica(own_postgres)) as server:
        server.start()
        yield server


def journeys(server: Postgres) -> str:
    """Return the address of the migrated database."""
    return f"{server.url.rpartition('/')[0]}/journeys"


def run(server: Postgres, query: str, *values: Any) -> Any:
    """Return the first value of a statement's row, None without one."""
    with psycopg.connect(journeys(server), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def exported(primary: Postgres, replica: Replica, **settings: str) -> tuple[set[str], str]:
    """Return the jobs of the exported rows, and what the command logged."""
    addresses = {"DATABASE_URL": journeys(primary), "REPLICA_DATABASE_URL": journeys(replica)}
    done = subprocess.run(
        [sys.executable, "manage.py", "export_audit"], cwd=ROOT,
        env=os.environ | addresses | settings, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    return {row["job_id"] for row in csv.DictReader(io.StringIO(done.stdout))}, done.stderr


def test_an_export_reads_from_the_replica_only_while_it_follows_closely(
    own_postgres: Postgres, replica: Replica
) -> None:
    run(own_postgres, ROW, 1)
    at = run(own_postgres, "SELECT pg_current_wal_lsn()::text")
    wait_for("the replica", lambda: run(replica, CAUGHT_UP, at))
    run(replica, "SELECT pg_wal_replay_pause()")
    run(own_postgres, ROW, 2)
    # What the replica does not have shows where the rows were read.
    jobs, logged = exported(own_postgres, replica, REPLICA_MAX_LAG="3600")
    assert jobs == {"1"}
    assert "replica_not_used" not in logged
    jobs, logged = exported(own_postgres, replica, REPLICA_MAX_LAG="0")
    assert jobs == {"1", "2"}
    assert "replica_not_used" in logged
    assert "behind" in logged
    run(replica, "SELECT pg_wal_replay_resume()")
    run(replica, "SELECT pg_promote()")
    jobs, logged = exported(own_postgres, replica, REPLICA_MAX_LAG="3600")
    assert jobs == {"1", "2"}
    replica.kill()
    run(own_postgres, ROW, 3)
    jobs, logged = exported(own_postgres, replica)
    assert jobs == {"1", "2", "3"}
    assert "OperationalError" in logged
