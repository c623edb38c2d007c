"""A deployment whose database is behind a real PgBouncer in transaction mode."""

from collections.abc import Iterator

import pytest

from tests.journeys.conftest import Deploy, NewDatabase
from tests.journeys.test_trouble import wait_until
from tests.pooler import PgBouncer


@pytest.fixture
def pooler(new_database: NewDatabase) -> Iterator[PgBouncer]:
    """A pooler with two sessions of the server, in front of a migrated database."""
    bouncer = PgBouncer(new_database())
    bouncer.start()
    yield bouncer
    bouncer.close()


def test_everything_is_delivered_through_a_pooler_also_after_it_was_killed(
    deploy: Deploy, pooler: PgBouncer
) -> None:
    deployment = deploy(database=pooler.url, DATABASE_POOLER="true")
    for subscriber in range(1001, 1011):
        assert deployment.one_click(deployment.link(subscriber))[0] == 200
    deployment.worker.kill()
    deployment.worker.start()
    for subscriber in range(1001, 1011):
        wait_until(deployment, subscriber, "done")
    pooler.kill()
    assert deployment.one_click(deployment.link(1011))[0] == 200
    pooler.start()
    wait_until(deployment, 1011, "done")
    assert {row["status"] for row in deployment.audit()} == {"done"}
