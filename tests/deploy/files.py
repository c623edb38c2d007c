"""Contents of a deployment's files, parsed."""

import json
import re
from typing import Any

import yaml

from scripts.steps import ROOT

_ASSIGNED = re.compile(r"^#?([A-Z][A-Z_]+)=", re.MULTILINE)
_READ = re.compile(r"""(?:\benv(?:\.\w+)?|_vendor_url)\(\s*"([A-Z_]+)\"""")
_SETTINGS_TABLE = re.compile(r"^\| name \|.*\n((?:\|.*\n)+)", re.MULTILINE)
_ROW = re.compile(r"^\|([^|]+)\|", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")
_NAME = re.compile(r"`([A-Z][A-Z_]+)`")

# Read by gunicorn itself, or by its settings, in profilecenter/gunicorn.conf.py.
GUNICORN = frozenset({"PORT", "HEALTH_PORT", "WEB_CONCURRENCY"})
# Read by docker-compose.yml only.
COMPOSE = frozenset(
    {
        "WEB_ADDRESS", "WEB_REPLICAS", "WORKERS", "WORKER_CONCURRENCY", "SANDBOX_ADDRESS",
        "MAILTO_PUBLISHED",
        "VERSION", "PREVIOUS_VERSION", "REVISION", "SOURCE", "TELEMETRY", "STORAGE",
        "PYTHON_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE",
        "COMPOSE_PROFILES", "PROXY_SITES", "PROXY_TLS", "PROXY_HTTP", "PROXY_HTTPS",
        "PROXY_DUAL_STACK", "CADDY_IMAGE",
        "BACKUP_MINUTES", "BACKUP_KEEP", "BACKUP_PATH", "BACKUP_IMAGE",
        "PROMETHEUS_ADDRESS", "GRAFANA_ADDRESS", "PROMETHEUS_IMAGE", "GRAFANA_IMAGE",
    }
)  # fmt: skip
# Set by the image's build only.
BUILD = frozenset({"PROFILECENTER_VERSION", "PROFILECENTER_REVISION"})


def text(name: str) -> str:
    """Return the text of a file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def instructions(keyword: str) -> list[str]:
    """Return the arguments of all Dockerfile instructions with this keyword, in order."""
    lines = [line for line in text("Dockerfile").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = (line.partition(" ") for line in joined.splitlines())
    return [rest.strip() for word, _, rest in pairs if word == keyword]


def exec_form(instruction: str) -> list[str]:
    """Return the command of a CMD or HEALTHCHECK in exec form."""
    command: list[str] = json.loads(instruction[instruction.index("[") :])
    return command


def compose() -> dict[str, Any]:
    """Return the compose file, with anchors resolved and the defaults of its variables."""
    plain = _VARIABLE.sub(r"\1", text("docker-compose.yml"))
    found: dict[str, Any] = yaml.safe_load(plain)
    return found


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def app_services() -> dict[str, dict[str, Any]]:
    """Return the services that run the project's image."""
    return {name: service for name, service in services().items() if "build" in service}


def command(name: str) -> list[str]:
    """Return a service's command, with the defaults of its variables."""
    words: list[str] = services()[name]["command"]
    return words


def health_command(name: str) -> list[str]:
    """Return a service's health check as a command to run."""
    kind, *rest = services()[name]["healthcheck"]["test"]
    words = [word.replace("$$", "$") for word in rest]
    return ["sh", "-c", *words] if kind == "CMD-SHELL" else words


def seconds(duration: str) -> int:
    """Return a duration such as 1m30s in seconds."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def settings_names() -> set[str]:
    """Return all variables that settings.py reads and that a deployment may set."""
    return set(_READ.findall(text("profilecenter/settings.py"))) - BUILD


def table_names(document: str) -> set[str]:
    """Return the variables in the first column of a document's tables of settings."""
    rows = "".join(_SETTINGS_TABLE.findall(text(document)))
    return {name for cell in _ROW.findall(rows) for name in _NAME.findall(cell)}


def example_names() -> list[str]:
    """Return the variables in .env.example, in order."""
    return _ASSIGNED.findall(text(".env.example"))
