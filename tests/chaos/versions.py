"""Two versions of the code side by side: this one, and a later one that the test makes of it."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from scripts.ready import answers
from scripts.servers import HOST, free_port
from scripts.steps import ROOT
from tests.chaos.balancer import Balancer
from tests.journeys.deployment import Deployment
from tests.journeys.processes import Process, wait_for

SETTINGS = {
    "SFMC_TIMEOUT": "5",
    "SWEEP_SECONDS": "1",
    "UNDO_SECONDS": "1",
    "SFMC_BATCH_SIZE": "5",
    # The visitors of a profile centre do not wait for one another.
    "SFMC_CONCURRENCY": "30",
    "SFMC_PAGE_CONCURRENCY": "20",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "INFO",
}
ERROR = re.compile(r'"level": "(error|critical)"|^Traceback')
SUBSCRIBERS = 14_000  # of the sandbox; those of the ledger begin at 10,000
CODE = ("manage.py", "profilecenter", "unsub", "templates", "static", "locale")
# What a later version may change (docs/operations/upgrade.md): file, text, and what replaces it.
CHANGES = (
    # A column that has a value in each row of the later version.
    (
        "unsub/models/request.py",
        '    value = models.TextField(_("new value")',
        """    of_tomorrow = models.CharField(max_length=9, null=True, default="later")
    value = models.TextField(_("new value")""",
    ),
    # An argument of a task.
    ("unsub/tasks.py", "mid: int, key: str) -> None:", 'mid: int, key: str, hint="") -> None:'),
    (
        "unsub/outbox/wakeup.py",
        '"unsub.tasks.deliver", (mid, key),',
        '"unsub.tasks.deliver", (mid, key), {"hint": "x"},',
    ),
    # A field of a value in the cache, and of the access token.
    (
        "unsub/sfmc/subscribers.py",
        "    attributes: Mapping[str, str] = field(repr=False)\n",
        '    attributes: Mapping[str, str] = field(repr=False)\n    of_tomorrow: str = ""\n',
    ),
    (
        "unsub/sfmc/tokens.py",
        "    soap_url: str\n",
        '    soap_url: str\n    of_tomorrow: str = ""\n',
    ),
    ("unsub/gateway/token_store.py", '"soap_url")', '"soap_url", "of_tomorrow")'),
)


def make_later(folder: Path, environ: dict[str, str]) -> Path:
    """Return a checkout of a later version: a copy of this one, with CHANGES and a migration for
    the column."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    for name, before, after in CHANGES:
        content = (folder / name).read_text()
        assert content.count(before) == 1, f"{name} has no single {before!r}"
        (folder / name).write_text(content.replace(before, after))
    (folder / "var").mkdir()
    run_manage(folder, environ, "makemigrations", "unsub", "--name", "of_tomorrow")
    return folder


def run_manage(checkout: Path, environ: dict[str, str], *arguments: str) -> str:
    """Return the output of a command of one of the versions. Fails the test where it fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=checkout, env=environ,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


class Version:
    """A web server and a worker of one version."""

    def __init__(
        self, name: str, checkout: Path, commands: dict[str, list[str]], *, folder: Path,
        environ: dict[str, str],
    ) -> None:  # fmt: skip
        self.name, self.checkout = name, checkout
        self.port = free_port()
        metrics = folder / f"metrics-{name}"
        metrics.mkdir()
        self.environ = environ | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        web = [*commands["web"][:-1], f"{HOST}:{self.port}"]  # the last argument of --bind
        worker = [*commands["worker"], "--hostname", f"{name}@%h"]
        self.web, self.worker = (
            Process(
                f"{kind}-{name}", command, environ=self.environ, folder=folder, checkout=checkout
            )
            for kind, command in (("web", web), ("worker", worker))
        )

    def start(self) -> None:
        """Start both, and wait until they work."""
        ready = self.worker.log.count(" ready.")
        for process in (self.web, self.worker):
            process.start()
        wait_for(self.web.name, lambda: answers(f"http://{HOST}:{self.port}/readyz"), seconds=180)
        wait_for(self.worker.name, lambda: self.worker.log.count(" ready.") > ready, seconds=180)

    def deliveries(self) -> int:
        """Return how many results of its calls the worker has logged."""
        return self.worker.log.count('"event": "attempt_settled"')

    def stop(self) -> None:
        """Stop both as an upgrade does. Fails the test where one does not end in order."""
        for process in (self.web, self.worker):
            assert process.end(signal.SIGTERM, seconds=180) == 0, process.log[-2000:]

    def errors(self) -> list[str]:
        """Return the lines of both logs that tell of an error; not of pages that were unavailable,
        which the clients count."""
        lines = [*self.web.log.splitlines(), *self.worker.log.splitlines()]
        return [line for line in lines if ERROR.search(line) and "Service Unavailable" not in line]


class Upgrade(Deployment):
    """A deployment of two versions behind a load balancer, with the broker, the sandbox and beat.
    `url` is the balancer's."""

    def __init__(self, *, database: str, folder: Path) -> None:
        super().__init__(database=database, folder=folder, settings=SETTINGS)
        self.balancer = Balancer()
        self.url = self.balancer.url
        self.environ |= {"PUBLIC_URL": self.url}
        later = make_later(folder / "later", self.environ)
        commands = self._commands()
        self.earlier, self.later = (
            Version(name, checkout, commands, folder=folder, environ=self.environ)
            for name, checkout in (("earlier", ROOT), ("later", later))
        )
        # Those of the deployment that are replaced by the versions' own.
        for name in ("web", "worker"):
            del self._processes[name]

    def _commands(self) -> dict[str, list[str]]:
        commands = super()._commands()
        commands["sandbox"][-1] = str(SUBSCRIBERS)  # of --subscribers
        return commands

    def start(self) -> None:
        """Start the earlier version alone."""
        self.valkey.start()
        self.sandbox.start()
        self.wait_for_sandbox()
        self.enter(self.earlier)
        self.beat.start()

    def enter(self, version: Version) -> None:
        """Start a version, and send it requests once it answers."""
        version.start()
        self.balancer.add(version.port)

    def leave(self, version: Version) -> None:
        """Send a version no more requests, and stop it."""
        self.balancer.remove(version.port)
        version.stop()

    def replace_beat(self, version: Version) -> None:
        """Replace beat by that of a version."""
        assert self.beat.end(signal.SIGTERM, seconds=180) == 0
        self.beat = self._processes["beat"] = Process(
            "beat", self.beat.command, environ=self.environ, folder=self.folder,
            checkout=version.checkout,
        )  # fmt: skip
        self.beat.start()

    def migrate(self, version: Version) -> None:
        """Migrate as a version does."""
        run_manage(version.checkout, self.environ, "migrate", "--noinput")

    def stop(self) -> None:
        """Kill everything that still runs; the logs stay in `folder`."""
        for version in (self.earlier, self.later):
            version.web.kill()
            version.worker.kill()
        super().stop()
        self.balancer.close()
