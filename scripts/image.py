"""`make image`: build the image, start the compose file and test what docs/operations/ promises.

Needs Docker with Compose and about five minutes. It uses a copy of the checkout and another project
name, so that a deployment on the same machine is not affected; everything is removed at the end. If
packages come from an index other than pip's default:

    make image PIP_CONF=pip.conf CA=ca.pem         pip.conf names the certificate as /run/secrets/ca
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .servers import HOST, free_port
from .steps import ROOT, say

PROJECT = "profilecenter-trial"
MID, JOB, LIST = 510001, 88002, 7001
FIRST = 1001  # the first subscriber of the sandbox
ONE_CLICK = "List-Unsubscribe=One-Click"
PATIENCE = 90.0  # seconds
IMAGES = "--filter=reference=profilecenter:trial-*"
MIGRATION = '["python", "manage.py", "migrate", "--noinput"]'


class TrialError(Exception):
    """A promise of docs/operations/ did not hold."""


@dataclass(kw_only=True)
class Deployment:
    """A copy of the checkout, and the containers of its compose file."""

    folder: Path
    ports: tuple[int, int]
    sandbox: int
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, fails: bool = False, **options: object) -> str:
        """Return a command's standard output. Raises TrialError if it failed, or, with `fails`, if
        it did not."""
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
            command, cwd=self.folder, env=os.environ | self.environ, capture_output=True,
            check=False, **options,
        )  # fmt: skip
        if bool(done.returncode) is not fails:
            tail = (done.stdout + done.stderr).decode(errors="replace")[-3000:]
            raise TrialError(f"{' '.join(command)}: status {done.returncode}\n{tail}")
        return str(done.stdout.decode(errors="replace"))

    def compose(self, *words: str, **options: object) -> str:
        """Return the output of `docker compose`."""
        return self.run("docker", "compose", *words, **options)  # type: ignore[arg-type]

    def manage(self, *words: str) -> str:
        """Return the output of a manage.py command in a web container."""
        return self.compose("exec", "-T", "web", "python", "manage.py", *words)

    def links(self, numbers: range) -> list[str]:
        """Return the paths of links for the sandbox's subscribers with these numbers."""
        rows = (f"{MID},{FIRST + number},{JOB},{LIST}\n" for number in numbers)
        table = self.compose(
            "exec", "-T", "web", "python", "manage.py", "sign_links", "-", "-",
            input=f"mid,subscriber_id,job_id,list_id\n{''.join(rows)}".encode(),
        )  # fmt: skip
        return [f"/u/{token}" for token in re.findall(r"/u/([\w.-]+)", table)]

    def post(self, path: str, body: str = ONE_CLICK) -> int:
        """Return the status of a POST. Tries the second port if the first does not answer, as the
        proxy in docs/operations/install.md does."""
        for port in self.ports:
            connection = http.client.HTTPConnection(HOST, port, timeout=20)
            try:
                connection.request(
                    "POST", path, body,
                    {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"},
                )  # fmt: skip
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                continue
            finally:
                connection.close()
        return 0

    def events(self) -> list[dict[str, object]]:
        """Return the sandbox's UnsubEvents."""
        with urllib.request.urlopen(f"http://{HOST}:{self.sandbox}/events.json", timeout=10) as got:
            found: list[dict[str, object]] = json.load(got)
        return found

    def unsubscribed(self) -> set[object]:
        """Return the SubscriberIDs of the events tracked against the job."""
        return {event["subscriber_id"] for event in self.events() if event["job_id"] == JOB}


def wait_for(what: str, probe: Callable[[], bool]) -> None:
    """Return once `probe` is true. Raises TrialError after 90 seconds."""
    until = time.monotonic() + PATIENCE
    while not probe():
        if time.monotonic() > until:
            raise TrialError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.5)


@contextmanager
def stream(deployment: Deployment, paths: list[str]) -> Iterator[list[int]]:
    """POST every 0.1 s while the block runs; yield the list that receives the statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def post() -> None:
        while not over.wait(0.1):
            statuses.append(deployment.post(paths[len(statuses) % len(paths)]))

    poster = threading.Thread(target=post, daemon=True)
    poster.start()
    try:
        yield statuses
    finally:
        over.set()
        poster.join(timeout=30)


def prepare(deployment: Deployment) -> None:
    """Copy the tracked files, create the secrets and .env, as docs/operations/install.md says."""
    names = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in names.decode().rstrip("\0").split("\0"):
        target = deployment.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    deployment.run("scripts/deploy/secrets.sh")
    secrets = deployment.folder / "secrets"
    (secrets / "link_keys").write_text(json.dumps({"*": ["trial-key-" * 4]}))
    (secrets / "sfmc_client_secret").write_text("sandbox\n")
    for variable, file in (("PIP_CONF", "pip.conf"), ("CA", "ca.pem")):
        if given := os.environ.get(variable):
            shutil.copy(given, secrets / file)
    lines = (
        "PUBLIC_URL=http://localhost:8000",
        "SFMC_AUTH_URL=http://sandbox:8025", "SFMC_SOAP_URL=http://sandbox:8025",
        "SFMC_CLIENT_ID=sandbox", f"SFMC_ACCOUNT_ID={MID}",
        f"WEB_ADDRESS={HOST}:{deployment.ports[0]}-{deployment.ports[1]}",
        f"SANDBOX_ADDRESS={HOST}:{deployment.sandbox}", "VERSION=trial-1",
    )  # fmt: skip
    (deployment.folder / ".env").write_text("".join(f"{line}\n" for line in lines))


def first_start(deployment: Deployment) -> None:
    """Build and start, and deliver one unsubscribe."""
    deployment.compose(
        "--profile", "sandbox", "up", "--detach", "--build", "--wait", "--wait-timeout", "180"
    )
    if "/admin/account/" not in deployment.manage(
        "add_user", "ada@example.com", "--group", "administrator"
    ):
        raise TrialError("add_user printed no link")
    if deployment.post(*deployment.links(range(1))) != 200:
        raise TrialError("the one-click POST was not accepted")
    wait_for("the UnsubEvent, tracked against its job", lambda: FIRST in deployment.unsubscribed())
    if "done" not in deployment.manage("export_audit", "--format", "csv"):
        raise TrialError("the audit does not show the request as done")


def scale(deployment: Deployment) -> None:
    """Run four workers with WORKERS, and check that `up` keeps them."""
    with (deployment.folder / ".env").open("a") as file:
        file.write("WORKERS=4\n")
    for _ in range(2):
        deployment.compose("up", "--detach", "--no-deps", "--wait", "worker")
        if len(deployment.compose("ps", "--quiet", "worker").split()) != 4:
            raise TrialError("not four workers")


def restarts(deployment: Deployment) -> None:
    """Restart database and broker under load; nothing is refused or lost."""
    paths = deployment.links(range(1, 21))
    with stream(deployment, paths) as statuses:
        for service in ("postgres", "redis"):
            deployment.compose("restart", service)
            enough = len(statuses) + 20
            wait_for("twenty more answers", partial(_longer_than, statuses, enough))
    _all_accepted(statuses)
    wanted = set(range(FIRST, FIRST + 21))
    wait_for("21 UnsubEvents", lambda: wanted <= deployment.unsubscribed())


def upgrade(deployment: Deployment) -> None:
    """Upgrade and roll back under load, and survive a failing migration."""
    paths = deployment.links(range(21, 41))
    file = deployment.folder / "docker-compose.yml"
    whole = file.read_text()
    with stream(deployment, paths) as statuses:
        deployment.run("scripts/deploy/upgrade.sh", "trial-2")
        deployment.run("scripts/deploy/upgrade.sh", "--back")
        file.write_text(whole.replace(MIGRATION, '["false"]'))
        deployment.run("scripts/deploy/upgrade.sh", "trial-3", fails=True)
        file.write_text(whole)
    _all_accepted(statuses)
    if "profilecenter:trial-1" not in deployment.compose("ps", "web"):
        raise TrialError("the previous version does not run")
    wanted = set(range(FIRST, FIRST + 41))
    wait_for("41 UnsubEvents", lambda: wanted <= deployment.unsubscribed())


def _longer_than(statuses: list[int], number: int) -> bool:
    return len(statuses) > number


def _all_accepted(statuses: list[int]) -> None:
    bad = [status for status in statuses if status != 200]
    if bad or not statuses:
        raise TrialError(f"{len(bad)} of {len(statuses)} answers were not 200: {bad[:10]}")
    say(f"   {len(statuses)} POSTs, all answered 200")


def backup(deployment: Deployment) -> None:
    """Restore a backup into the running deployment; the data is as it was then."""
    before = deployment.manage("export_audit", "--format", "csv")
    deployment.run("scripts/deploy/backup.sh", "requests.dump")
    if deployment.post(*deployment.links(range(45, 46))) != 200:
        raise TrialError("not accepted after the backup")
    wait_for("its row", lambda: deployment.manage("export_audit", "--format", "csv") != before)
    deployment.run("scripts/deploy/restore.sh", "requests.dump")
    if deployment.manage("export_audit", "--format", "csv") != before:
        raise TrialError("the audit after the restore is not that of the backup")


def no_person_in_a_log(deployment: Deployment) -> None:
    """Look for tokens and addresses in the logs of all containers."""
    logs = deployment.compose("logs", "--no-color")
    found = [word for word in ("eyJ", "ada@example.com", "INSERT INTO") if word in logs]
    if found:
        raise TrialError(f"in the logs: {found}")


STEPS = (first_start, scale, restarts, upgrade, backup, no_person_in_a_log)


def main() -> int:
    """Return 0 if every promise held, else 1."""
    first = free_port()
    with tempfile.TemporaryDirectory(prefix="pc-image-") as folder:
        deployment = Deployment(
            folder=Path(folder), ports=(first, first + 1), sandbox=free_port(),
            environ={"COMPOSE_PROJECT_NAME": PROJECT},
        )  # fmt: skip
        try:
            prepare(deployment)
            for step in STEPS:
                say(f"== {(step.__doc__ or '').splitlines()[0]}")
                started = time.monotonic()
                step(deployment)
                say(f"-- ok, {time.monotonic() - started:.0f} s")
        except TrialError as err:
            say(f"failed: {err}\n{deployment.compose('logs', '--no-color', '--tail', '40')}")
            return 1
        finally:
            deployment.compose("--profile", "sandbox", "down", "--volumes", "--timeout", "10")
            for image in deployment.run("docker", "image", "ls", "--quiet", IMAGES).split():
                deployment.run("docker", "image", "rm", "--force", image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
