"""Tests of the disk that can be full, and of the server that can be read-only."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.chaos.disk import ChaosPostgres, Disk, SimulatedDisk, small_disk
from tests.journeys.processes import wait_for

MUCH = "INSERT INTO page SELECT repeat('a', 500) FROM generate_series(1, 200)"


def simulated(folder: Path) -> Disk:
    return SimulatedDisk(folder / "data")


@pytest.mark.parametrize("make", [small_disk, simulated])
def test_a_full_disk_and_a_read_only_server_refuse_changes_and_recover(
    make: Callable[[Path], Disk],
) -> None:
    with closing(ChaosPostgres(make)) as postgres:
        postgres.start()
        server = postgres.url.rpartition("/")[0]
        postgres.disk.create_database(server, "chaos")
        with psycopg.connect(f"{server}/chaos", autocommit=True) as session:
            session.execute("CREATE TABLE page (content text)")
            postgres.disk.migrated(f"{server}/chaos")
            session.execute("INSERT INTO page VALUES ('first')")
            postgres.disk.fill()
            with pytest.raises(psycopg.errors.DiskFull):
                session.execute(MUCH)
            postgres.disk.empty()
            session.execute("INSERT INTO page VALUES (repeat('a', 500))")
            postgres.set_read_only(on=True)
            wait_for("read-only", lambda: is_refused(session))
            postgres.set_read_only(on=False)
            wait_for("changes", lambda: not is_refused(session))
        assert postgres.refusals("No space left on device")
        assert postgres.refusals("in a read-only transaction")


def is_refused(session: psycopg.Connection) -> bool:
    """Return whether a session that was there before cannot insert."""
    try:
        session.execute("INSERT INTO page VALUES ('again')")
    except psycopg.errors.ReadOnlySqlTransaction:
        return True
    return False
