"""A restore under load, reconciled from outside: backup.sh, restore.sh and the hold after it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from scripts.servers import HOST, Postgres, postgres_programs
from scripts.steps import ROOT, say
from tests.chaos import client
from tests.chaos.crowd import Crowd
from tests.chaos.ledger import FIRST, Asked, Ledger
from tests.chaos.restored import Books, rows_of, updates_of
from tests.chaos.stream import Stream
from tests.journeys.databases import prepare_database
from tests.journeys.deployment import Deployment
from tests.journeys.processes import wait_for

SEED = 20_262
SUBSCRIBERS = FIRST + 5_000
OPEN = """
    SELECT count(*) FROM unsub_subscriberrequest
    WHERE status = 'sending' OR (status = 'pending' AND kind = 'unsubscribe')
"""
CHANGES = """
    SELECT count(*) FROM unsub_subscriberrequest WHERE status = 'pending' AND kind <> 'unsubscribe'
"""
SUBSCRIBERS_OF = "SELECT subscriber_id FROM unsub_subscriberrequest"
RESTORED = "SELECT count(*) FROM unsub_restorehold"
IMPORTED = "SELECT count(*) FROM unsub_importstate WHERE imported_upto IS NOT NULL AND error = ''"
IMPORT = (
    "from unsub.models import BusinessUnit; from unsub.tasks import import_events;"
    "BusinessUnit.objects.update(import_events=True); import_events.delay()"
)
RELEASE = (
    "from django.contrib.auth.models import User; from unsub.models import RestoreHold;"
    "from unsub.outbox import restoring; user = User.objects.create_user('operator');"
    "hold = RestoreHold.objects.get();"
    "assert restoring.release(hold.pk, user_id=user.pk, discard=True)"
)
# In place of `docker compose`: programs of the database and of the image run here, and the test
# stops and starts worker and beat itself.
DOCKER = """#!/bin/sh
shift
case "$*" in
    "exec -T postgres pg_restore "*) shift 3; "$@" ;;
    "exec -T postgres "*) shift 3; exec "$@" ;;
    "run --rm --no-deps migrate python manage.py after_restore")
        cd "$CHECKOUT" && exec "$PYTHON" manage.py after_restore ;;
    "run --rm --no-deps migrate") cd "$CHECKOUT" && exec "$PYTHON" manage.py migrate --noinput ;;
    "stop worker beat" | "start worker beat") ;;
    *) exit 64 ;;
esac
"""


class Restorable(Deployment):
    """A deployment with many subscribers, whose database has the names of the compose file."""

    def _commands(self) -> dict[str, list[str]]:
        commands = super()._commands()
        commands["sandbox"] += ["--subscribers", str(SUBSCRIBERS)]
        return commands


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, because a restore replaces a database."""
    postgres = Postgres()
    postgres.start()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE profilecenter SUPERUSER LOGIN PASSWORD 'profilecenter'")
        connection.execute("CREATE DATABASE profilecenter OWNER profilecenter")
    yield postgres
    postgres.close()


@pytest.fixture
def deployment(server: Postgres, tmp_path: Path) -> Iterator[Restorable]:
    """A deployment on it, with a profile centre whose links change everything."""
    database = f"postgres://profilecenter:profilecenter@{HOST}:{server.port}/profilecenter"
    prepare_database(database, centre=("--profile-centre", "on", "--protects-details", "off"))
    settings = {"UNDO_SECONDS": "3", "SFMC_BATCH_SIZE": "5", "LOG_LEVEL": "WARNING"}
    running = Restorable(database=database, folder=tmp_path, settings=settings)
    running.start()
    yield running
    running.stop()


def script(
    *command: str, server: Postgres, deployment: Deployment, **more: str
) -> subprocess.CompletedProcess[str]:
    """Return a script of the deployment that has ended with 0."""
    tools = deployment.folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "docker").write_text(DOCKER)
    (tools / "docker").chmod(0o755)
    own = {
        "PATH": f"{tools}{os.pathsep}{postgres_programs()}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": HOST, "PGPORT": str(server.port), "PGPASSWORD": "profilecenter",
        "CHECKOUT": str(ROOT), "PYTHON": sys.executable,
    }  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=deployment.environ | own | more, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def accepted(ledger: Ledger) -> set[int]:
    """Return the subscribers who were told that their unsubscribe is stored."""
    return {one.subscriber for one in list(ledger.submissions) if one.was_accepted}


def delivered(deployment: Deployment, ledger: Ledger) -> set[int]:
    """Return those of whom Marketing Cloud knows."""
    return accepted(ledger) & {one["subscriber_id"] for one in deployment.events()}


def unsubscribe(deployment: Deployment, ledger: Ledger) -> Asked:
    """Unsubscribe on the page."""
    asked = ledger.new("undo")
    path = urlsplit(deployment.link(asked.subscriber)).path
    reply = client.post(deployment.page_url(), path, "form=page&reason=too-many")
    ledger.note(asked, reply.answer)
    assert asked.was_accepted
    return asked


def undo(deployment: Deployment, asked: Asked) -> None:
    """Undo it."""
    path = urlsplit(deployment.link(asked.subscriber)).path
    reply = client.post(deployment.page_url(), f"{path}/undo", "")
    asked.undone = reply.status == 303 and "late" not in reply.location
    assert asked.undone


@pytest.mark.timeout(1500)
def test_a_restore_loses_nothing_that_the_backup_or_marketing_cloud_has(
    server: Postgres, deployment: Restorable, tmp_path: Path
) -> None:
    ledger, folder = Ledger(), tmp_path / "backups"
    folder.mkdir()
    stream = Stream(deployment, ledger, rate=5, seed=SEED)
    crowd = Crowd(deployment, ledger, rate=1, seed=SEED)
    stream.start()
    crowd.start()
    try:
        wait_for("deliveries before the backup", lambda: len(deployment.events()) > 8, seconds=240)
        # Open in the backup: unsubscribes, of which some are undone later, and changes.
        deployment.worker.kill()
        wait_for("open changes", lambda: deployment.query(CHANGES)[0][0] > 1, seconds=180)
        undone = unsubscribe(deployment, ledger)
        script(
            "bash", "deploy/backup/backup.sh", "once", server=server, deployment=deployment,
            BACKUP_FOLDER=str(folder),
        )  # fmt: skip
        undo(deployment, undone)
        known = {row[0] for row in deployment.query(SUBSCRIBERS_OF)}
        deployment.worker.start()
        wait_for(
            "deliveries after it",
            lambda: len(delivered(deployment, ledger) - known) > 3,
            seconds=240,
        )
        # Accepted, and not sent before the database is lost.
        deployment.worker.kill()
        number = len(accepted(ledger))
        wait_for("more requests", lambda: len(accepted(ledger)) > number + 8, seconds=180)
    finally:
        stream.stop()
        crowd.stop()
    deployment.beat.kill()
    before, updates = rows_of(deployment), updates_of(deployment)
    [dump] = folder.glob("*.dump")
    said = script("scripts/deploy/restore.sh", str(dump), server=server, deployment=deployment)
    assert "withdrawing what was undone" in said.stderr
    books = Books(ledger, before=before, restored=rows_of(deployment), updates=updates)
    assert deployment.query(RESTORED) == [(1,)]
    deployment.wait_for_web()
    deployment.worker.start()
    deployment.beat.start()
    wait_for("the unsubscribes", lambda: deployment.query(OPEN) == [(0,)], seconds=240)
    deployment.shell(IMPORT)
    wait_for("the import", lambda: deployment.query(IMPORTED) == [(2,)], seconds=240)
    deployment.shell(RELEASE)
    wait_for("several sweeps", lambda: _swept(deployment), seconds=180)
    lines = list(books.lines(deployment))
    say("\n" + "\n".join(f"{line.number:5} {line.what}" for line in lines))
    assert not [(line.what, line.number, *line.which) for line in lines if not line.holds]


def _swept(deployment: Deployment) -> bool:
    """Return, after several sweeps of a second, that nothing is due."""
    time.sleep(4)
    return deployment.query(CHANGES) == [(0,)] and deployment.query(OPEN) == [(0,)]
