"""Migrated databases for whole deployments."""

import os
import subprocess
import sys

import psycopg

from scripts.servers import HOST
from scripts.steps import ROOT
from tests.journeys.deployment import CHILD, PARENT


def create_database(server: str, statement: str) -> None:
    """Run a CREATE DATABASE on a server."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


# The sandbox has these triggered sends.
CENTRE = (
    "--profile-centre",
    "on",
    "--confirm-key",
    "confirm-subscription",
    "--new-link-key",
    "new-link",
    "--confirm-address-key",
    "confirm-address",
    "--address-notice-key",
    "address-notice",
    "--pause-offered",
    "on",
    "--pause-end-action",
    "put_back",
)


def prepare_database(database: str, *, centre: tuple[str, ...] = CENTRE) -> None:
    """Migrate a database and create both business units. The parent has this host as its own
    domain, and its profile centre is set up by the options `centre`."""
    environ = os.environ | {"DATABASE_URL": database}
    units = ((PARENT, "Example Outfitters"), (CHILD, "Example Kids"))
    for arguments in (
        ("migrate", "--verbosity", "0"),
        *(("add_unit", "--mid", str(mid), "--name", name) for mid, name in units),
        (
            "add_unit",
            "--mid",
            str(PARENT),
            "--domain",
            HOST,
            "--lost-link-form",
            "on",
            *centre,
        ),
    ):
        subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environ, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
