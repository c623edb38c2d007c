"""Settings from files, as Docker and Kubernetes give secrets, and settings that are left empty."""

import json
from pathlib import Path

import pytest

from tests.deploy.image import Image

SHOW = """
import json
from django.conf import settings as s
database = s.DATABASES["default"]
print(json.dumps({
    "SECRET_KEY": s.SECRET_KEY, "REDIS_URL": s.REDIS_URL, "CELERY_BROKER_URL": s.CELERY_BROKER_URL,
    "DATABASE_URL": [database[part] for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME")],
    "LINK_KEYS": s.LINK_KEYS, "SFMC_ACCOUNT_ID": s.SFMC_ACCOUNT_ID, "SFMC_TIMEOUT": s.SFMC_TIMEOUT,
    "SFMC_CLIENT_SECRET": s.SFMC_CLIENT_SECRET, "SFMC_PASSWORD": s.SFMC_PASSWORD,
    "PUBLIC_URL": s.PUBLIC_URL, "ADMINS": [address for _, address in s.ADMINS],
    "SFMC_SOAP_URL": s.SFMC_SOAP_URL,
}))
"""
KEYS = {"*": ["key-of-Key-Management-key-of-Key-Management"]}
WRITTEN = {
    "SECRET_KEY": "a-secret-key-" * 5,
    "DATABASE_URL": "postgres://ada:p%40ss%2Fword@db.example.com:5433/wishes",
    "REDIS_URL": "redis://:word@broker.example.com:6379/0",
    "LINK_KEYS": json.dumps(KEYS, indent=2),
    "SFMC_CLIENT_SECRET": "$tarts-with-a-dollar-and-has-\\$-in-it",
    "SFMC_PASSWORD": "ends-with-a-space ",
    "SFMC_ACCOUNT_ID": "510001",
    "ADMINS": "ada@example.com,grace@example.com",
}
READ = WRITTEN | {
    "DATABASE_URL": ["ada", "p@ss/word", "db.example.com", 5433, "wishes"],
    "LINK_KEYS": KEYS,
    "SFMC_ACCOUNT_ID": 510001,
    "ADMINS": ["ada@example.com", "grace@example.com"],
    "CELERY_BROKER_URL": WRITTEN["REDIS_URL"],
}


def settings(image: Image, environ: dict[str, str]) -> dict[str, object]:
    """Return the settings of a process with this environment beside that of a deployment."""
    done = image.run(
        "python", "-c", SHOW, DJANGO_SETTINGS_MODULE="profilecenter.settings", **environ
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_a_file_gives_the_value_and_its_line_end_is_no_part_of_it(
    image: Image, tmp_path: Path, line_end: str
) -> None:
    environ = {}
    for name, value in WRITTEN.items():
        (tmp_path / name).write_text(value + line_end, newline="")
        environ[f"{name}_FILE"] = str(tmp_path / name)
    found = settings(image, environ)
    assert {name: found[name] for name in READ} == READ


def test_a_value_may_hold_any_sign(image: Image) -> None:
    environ = {name: WRITTEN[name] for name in ("SFMC_CLIENT_SECRET", "SFMC_PASSWORD")}
    found = settings(image, environ)
    assert {name: found[name] for name in environ} == environ


def test_an_empty_variable_counts_as_not_set(image: Image) -> None:
    names = ("PUBLIC_URL", "SFMC_ACCOUNT_ID", "SFMC_TIMEOUT", "SFMC_SOAP_URL", "ADMINS")
    found = settings(image, dict.fromkeys(names, ""))
    assert found["PUBLIC_URL"] == "http://localhost:8000"
    assert found["SFMC_ACCOUNT_ID"] is None
    assert found["SFMC_TIMEOUT"] == 30.0
    assert found["SFMC_SOAP_URL"] == "https://example.soap.marketingcloudapis.com"


def test_the_file_goes_before_the_value(image: Image, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-the-file\n")
    found = settings(
        image, {"SFMC_PASSWORD": "direct", "SFMC_PASSWORD_FILE": str(tmp_path / "password")}
    )
    assert found["SFMC_PASSWORD"] == "from-the-file"


def test_a_file_that_is_missing_stops_the_start(image: Image) -> None:
    done = image.run("python", "manage.py", "check", SECRET_KEY_FILE="/run/secrets/none")
    assert done.returncode != 0
