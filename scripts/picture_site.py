"""A deployment with a state of every page, for pictures: its own database, real gunicorn, the
sandbox."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .ready import answers
from .servers import HOST, Valkey, free_port
from .steps import ROOT, tool

# In Django's shell, because models cannot be imported before Django is set up.
MAKE_STATES = "from scripts import states; states.main()"


@contextmanager
def site(folder: Path) -> Iterator[dict[str, str]]:
    """Yield a link for each state, and paths of the admin, while a site serves them."""
    port, sandbox_port = free_port(), free_port()
    sandbox_url = f"http://{HOST}:{sandbox_port}"
    with closing(Valkey()) as valkey:
        valkey.start()
        environ = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
            "PUBLIC_URL": f"http://{HOST}:{port}",
            "ALLOWED_HOSTS": "garden.example.com",
            "UNDO_SECONDS": "600",
            "SECOND_FACTOR": "false",
            "SFMC_AUTH_URL": sandbox_url,
            "SFMC_SOAP_URL": sandbox_url,
            "MAILTO_ADDRESS": "unsubscribe@in.example.com",
            "SFMC_CLIENT_ID": "sandbox",
            "SFMC_CLIENT_SECRET": "sandbox",
            "SFMC_ACCOUNT_ID": "510001",
            "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
        }
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", MAKE_STATES]
        prepared = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=environ, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        sandbox = [sys.executable, "manage.py", "sandbox", "--port", str(sandbox_port)]
        command = [tool("gunicorn"), "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"]
        with subprocess.Popen(  # noqa: S603
            sandbox, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        ) as cloud, subprocess.Popen(  # noqa: S603
            [*command, "--bind", f"{HOST}:{port}", "--workers", "1", "--log-level", "error"],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL,
        ) as web:  # fmt: skip
            try:
                while not answers(f"http://{HOST}:{port}/healthz"):
                    web.poll()
                while not answers(f"{sandbox_url}/healthz"):
                    cloud.poll()
                yield json.loads(prepared.stdout.splitlines()[-1])
            finally:
                web.terminate()
                cloud.terminate()
