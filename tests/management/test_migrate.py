"""manage.py migrate: one process at a time, and the first business unit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from scripts.steps import ROOT
from tests.helpers import CHILD, PARENT, MakeSubmission, shown
from unsub.delivery import sweep
from unsub.models import BusinessUnit, Status
from unsub.outbox import api as outbox
from unsub.units import opening

pytestmark = pytest.mark.django_db(transaction=True)
MADE = f"Created business unit {PARENT}"


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    name = f"empty_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(database: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command of manage.py on a database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, text=True,
        env=os.environ | {"DATABASE_URL": database, "SFMC_ACCOUNT_ID": str(PARENT)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def said(process: "subprocess.Popen[str]") -> str:
    """Return a command's output. Fails the test where the command failed."""
    written, _ = process.communicate(timeout=250)
    assert process.returncode == 0, written[-2000:]
    return written


def test_two_simultaneous_first_migrations_succeed_and_create_one_unit(empty_database: str) -> None:
    both = [manage(empty_database, "migrate") for _ in range(2)]
    written = [said(process) for process in both]
    assert sum(text.count(MADE) for text in written) == 1
    assert sum(text.count("Applying unsub.0001_initial") for text in written) == 1
    assert "add_unit --mid 510001 --name" in "".join(written)
    assert MADE not in said(manage(empty_database, "migrate"))


def test_migrate_plan_and_a_partial_migration_create_no_unit(empty_database: str) -> None:
    said(manage(empty_database, "migrate", "unsub"))
    assert MADE not in said(manage(empty_database, "migrate", "--plan"))
    checked = manage(empty_database, "check", "--deploy", "--database", "default")
    assert "unsub.W009" in checked.communicate(timeout=250)[0]


def test_the_first_unit_is_the_token_s_own_with_a_neutral_name(settings: Settings) -> None:
    settings.SFMC_ACCOUNT_ID = PARENT
    unit = opening.make_first_unit()
    assert unit
    assert str(unit) == "Business unit 510001 (510001)"
    assert opening.make_first_unit() is None


def test_no_unit_is_created_beside_another_or_without_an_account_id(settings: Settings) -> None:
    settings.SFMC_ACCOUNT_ID = None
    assert opening.make_first_unit() is None
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    settings.SFMC_ACCOUNT_ID = PARENT
    assert opening.make_first_unit() is None
    # A link without `mid` still means the only unit.
    assert opening.only_mid() == CHILD


def test_requests_held_for_the_first_unit_are_released_by_the_next_sweep(
    settings: Settings, make_submission: MakeSubmission
) -> None:
    outbox.submit(make_submission())
    settings.SFMC_ACCOUNT_ID = None
    assert shown() == [Status.HELD]
    assert sweep.sweep() == []
    settings.SFMC_ACCOUNT_ID = PARENT
    assert opening.make_first_unit()
    assert PARENT in set(sweep.sweep())
    assert shown() == [Status.PENDING]
