"""A gunicorn beside a deployment, with time limits and options of its own."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.ready import answers
from scripts.servers import HOST, free_port
from scripts.steps import ROOT, tool
from tests.journeys.deployment import ANSWER_SECONDS, Deployment
from tests.journeys.processes import Process, wait_for

SHORT = """
from pathlib import Path
from profilecenter import gunicorn_worker
gunicorn_worker.Worker.request_seconds = {seconds}
gunicorn_worker.SEND_SECONDS = {seconds}
exec(Path("profilecenter/gunicorn.conf.py").read_text())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A gunicorn beside the shared deployment, with the same database and broker."""

    process: Process
    port: int
    health_port: int

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection((HOST, self.port), timeout=ANSWER_SECONDS)


@contextmanager
def web(
    shared: Deployment, folder: Path, *options: str, seconds: float, config: str = "",
    port: int = 0, **settings: str,
) -> Iterator[Web]:  # fmt: skip
    """Yield a running gunicorn with another time limit for a request and for each piece of a
    response. `config` is added to the shipped gunicorn.conf.py. Without `port`, a free one."""
    port, health_port = port or free_port(), free_port()
    file = folder / "short.conf.py"
    file.write_text(SHORT.format(seconds=seconds) + config)
    metrics = folder / "metrics"
    metrics.mkdir()
    own = {"HEALTH_PORT": str(health_port), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    command = [tool("gunicorn"), "profilecenter.wsgi", "-c", str(file), *options]
    process = Process(
        "own-web", [*command, "--bind", f"{HOST}:{port}"],
        environ=shared.environ | own | {"PYTHONPATH": str(ROOT)} | settings, folder=folder,
    )  # fmt: skip
    process.start()
    try:
        wait_for("web", lambda: answers(f"http://{HOST}:{port}/healthz"))
        yield Web(process=process, port=port, health_port=health_port)
    finally:
        process.kill()
