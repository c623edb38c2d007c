"""Starts real servers for a test run, before Django reads its settings.

`-p tests.plugins.servers` (in pyproject.toml) starts a private Valkey, and with
`--database=postgresql` a private PostgreSQL, and sets the environment to them. Workers of
pytest-xdist inherit it; each uses a Valkey database of its own.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.servers import Postgres, Server, Valkey

LINK_KEYS = {
    "*": ["test-key-test-key-test-key-test-key"],
    "510002": ["child-key-child-key-child-key-child-key"],
}
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "profilecenter.settings",
    "SECRET_KEY": "tests-" * 12,
    "LINK_KEYS": json.dumps(LINK_KEYS),
    "DIGEST_KEYS": json.dumps({"1": "test-digest-key-test-digest-key-1"}),
    "PUBLIC_URL": "http://localhost:8000",
    "UNDO_SECONDS": "0",
    # Nothing listens on port 1: tests that need Marketing Cloud set its address.
    "SFMC_AUTH_URL": "http://127.0.0.1:1",
    "SFMC_SOAP_URL": "http://127.0.0.1:1",
    "SFMC_CLIENT_ID": "sandbox",
    "SFMC_CLIENT_SECRET": "sandbox",
    "SFMC_ACCOUNT_ID": "510001",
}
# Variables of a developer's shell or .env must not affect the tests.
UNSET = re.compile(
    r"(DEBUG|ADMINS|ADMIN_URL|ALLOWED_HOSTS|EMAIL_URL|LEASE_SECONDS|SWEEP_SECONDS|SECOND_FACTOR|SFMC_\w+)(_FILE)?"
    r"|(SECRET_KEY|LINK_KEYS|DIGEST_KEYS|PUBLIC_URL|DATABASE_URL|REDIS_URL|UNDO_SECONDS)_FILE"
)

servers_key = pytest.StashKey[list[Server]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --database."""
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="the database of the Django tests: a SQLite file, or a private PostgreSQL",
    )


# pytest-django reads the settings in the same hook; a wrapper runs before all plain hooks.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Set the environment, and start the servers that it names."""
    early_config.stash[servers_key] = []
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["REDIS_URL"] = _own_database(os.environ["REDIS_URL"], worker)
    else:
        early_config.add_cleanup(lambda: _stop(early_config))
        _start(early_config)
    yield
    # Their fixtures import the models, which works only now, and only with Django.
    if early_config.pluginmanager.hasplugin("django"):
        early_config.pluginmanager.import_plugin("tests.plugins.cast")
        early_config.pluginmanager.import_plugin("tests.plugins.append_only")
        early_config.pluginmanager.import_plugin("tests.plugins.quick_reset")


def _own_database(redis_url: str, worker: str) -> str:
    """Return the URL of a worker's Valkey database. Database 0 belongs to the main process."""
    number = int(worker.removeprefix("gw")) + 1
    return f"{redis_url.rsplit('/', 1)[0]}/{number % 16}"


def _start(config: pytest.Config) -> None:
    for name in [name for name in os.environ if UNSET.fullmatch(name)]:
        del os.environ[name]
    valkey = Valkey()
    _run(config, valkey)
    os.environ |= ENVIRONMENT | {"REDIS_URL": valkey.url}
    os.environ["DATABASE_URL"] = _database_url(config)


def _database_url(config: pytest.Config) -> str:
    if config.known_args_namespace.database == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="pc-sqlite-"))
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        return f"sqlite:///{folder / 'db.sqlite3'}"
    postgres = Postgres()
    _run(config, postgres)
    os.environ["POSTGRES_LOG"] = str(postgres.log)
    return postgres.url


def _run(config: pytest.Config, server: Server) -> None:
    config.stash[servers_key].append(server)
    server.start()


def _stop(config: pytest.Config) -> None:
    for server in config.stash[servers_key]:
        server.close()


def pytest_report_header(config: pytest.Config) -> str:
    """Name the database in the header of the output."""
    return f"database: {config.known_args_namespace.database}"
