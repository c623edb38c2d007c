"""What every Django test shares. The servers come from tests/plugins/servers.py."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections

from unsub.infra import database_timeout, write_probe


def pytest_configure(config: pytest.Config) -> None:
    """Let each test of properties try the same examples in every run: a run says something about
    the change at hand. `--hypothesis-seed=N` tries others, `make fuzz` and `make chaos` do so each
    time."""
    if config.getoption("--hypothesis-seed") is None:
        hypothesis.settings.load_profile("ci")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Put SQLite's test database into a file, so that threads, locks and WAL are real.

    In memory, which is Django's default, all threads would share one connection.
    """
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        file = Path(str(database["NAME"])).with_name(f"test-{worker}.sqlite3")
        connections["default"].settings_dict["TEST"]["NAME"] = str(file)
    else:
        # A busy machine must not look like an outage.
        connections["default"].settings_dict["OPTIONS"]["connect_timeout"] = 60


@pytest.fixture(scope="session", autouse=True)
def few_iterations() -> Iterator[None]:
    """Hash passwords as a deployment does, without its million of iterations."""
    patch = pytest.MonkeyPatch()
    patch.setattr(PBKDF2PasswordHasher, "iterations", 10)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def host_of_the_test_client(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the admin answer under the host that Django's test client sends."""
    patch = pytest.MonkeyPatch()
    if request.config.pluginmanager.hasplugin("django"):
        patch.setattr(settings, "ADMIN_URL", "http://testserver")
    yield
    patch.undo()


HOUR = 3600.0  # seconds
# More than nearly all tests take, also on a busy machine.
ROOM = 60.0  # seconds


@pytest.fixture(autouse=True)
def within_an_hour(request: pytest.FixtureRequest) -> None:
    """Begin no Django test in the last seconds of an hour.

    Days, counts by the hour and the times of exports would change between its steps. All time zones
    of the tests change their day at a full hour.
    """
    left = HOUR - time.time() % HOUR
    if left < ROOM and request.config.pluginmanager.hasplugin("django"):
        time.sleep(left)


@pytest.fixture(autouse=True)
def empty_broker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give each Django test an empty broker and cache."""
    database_timeout.reset()
    write_probe.forget()
    yield
    if request.config.pluginmanager.hasplugin("django"):
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushdb()


# Beyond what is ever drawn: 100 seconds instead of up to 5 before the second attempt.
JITTER = 20.0


@pytest.fixture(autouse=True)
def same_jitter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same, long delay before every retry.

    Else a failed attempt may be due again while the same test still drains the queue: with full
    jitter one in thirty, and more of them on a slow machine.
    """
    if request.config.pluginmanager.hasplugin("django"):
        for module in ("circuit", "settlement"):
            monkeypatch.setattr(f"unsub.delivery.{module}.random", lambda: JITTER)
