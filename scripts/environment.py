"""The environment of `make run`, stored in var/run.env, readable by its owner only."""

import json
import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from .steps import ROOT

# Another folder for the data of `make run`, so that two can run side by side.
VAR = Path(os.environ.get("VAR") or ROOT / "var").resolve()
FILE = VAR / "run.env"
UNITS = {510001: "Example Outfitters", 510002: "Example Kids"}

# Created once, so that earlier links and the password still work.
SECRETS = ("SECRET_KEY", "LINK_KEYS", "DIGEST_KEYS", "ADMIN_PASSWORD")
FIXED = {
    "PYTHONUNBUFFERED": "1",
    "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
    # WhiteNoise: in a checkout nothing is collected, files are served from their source folders.
    "PYTHONWARNINGS": "ignore:No directory at:UserWarning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports of the processes of `make run`, on 127.0.0.1."""

    web: int
    sandbox: int
    redis: int


def read() -> dict[str, str]:
    """Return the variables in var/run.env, or nothing if it does not exist."""
    if not FILE.is_file():
        return {}
    pairs = (line.partition("=") for line in FILE.read_text().splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs if value}


def write(ports: Ports) -> dict[str, str]:
    """Return the variables of this run. Side effect: stores them in var/run.env (mode 0600)."""
    old = read()
    values = _new_secrets() | {name: old[name] for name in SECRETS if name in old}
    values |= _settings(ports)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
    VAR.mkdir(exist_ok=True)
    descriptor = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:  # noqa: PTH123 - the mode is set when the file is created
        file.writelines(lines)
    return values


def _new_secrets() -> dict[str, str]:
    keys = {"*": [secrets.token_urlsafe(32)], "510002": [secrets.token_urlsafe(32)]}
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "LINK_KEYS": json.dumps(keys),
        "DIGEST_KEYS": json.dumps({"1": secrets.token_urlsafe(32)}),
        "ADMIN_PASSWORD": secrets.token_urlsafe(12),
    }


def _settings(ports: Ports) -> dict[str, str]:
    sandbox = f"http://127.0.0.1:{ports.sandbox}"
    return {
        "PUBLIC_URL": f"http://localhost:{ports.web}",
        "ADMIN_URL": f"http://localhost:{ports.web}",
        "DATABASE_URL": f"sqlite:///{VAR / 'db.sqlite3'}",
        "REDIS_URL": f"redis://127.0.0.1:{ports.redis}/0",
        "SFMC_AUTH_URL": sandbox,
        "SFMC_SOAP_URL": sandbox,
        "SFMC_CLIENT_ID": "sandbox",
        "SFMC_CLIENT_SECRET": "sandbox",
        "SFMC_ACCOUNT_ID": str(min(UNITS)),
        # Short, so that newcomers see the event soon, and still see the undo button.
        "UNDO_SECONDS": "15",
        "SWEEP_SECONDS": "5",
        "LOG_FORMAT": "console",
        # The password is printed and the port is local, so no second factor is needed. The banner
        # says so, because a deployment asks for one.
        "SECOND_FACTOR": "false",
        "DEBUG": "false",
    }


def environ(values: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with `values`, without other settings of ours."""
    foreign = ("SFMC_", "DJANGO_")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and name.removesuffix("_FILE") not in values
    }
    return clean | values | FIXED


def path(name: str) -> Path:
    """Return the path of a file or folder under var/."""
    return VAR / name
