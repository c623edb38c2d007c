"""Deployments for the journeys: one that undisturbed journeys share, and one each for those that
cause failures."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts import browser as chromium
from scripts.servers import Postgres
from tests.journeys.databases import create_database, prepare_database
from tests.journeys.deployment import Deployment
from tests.journeys.reader import PATIENCE, Reader, window

# A killed worker's requests are free after three seconds. On a busy machine a call may take longer,
# and is repeated: a journey that counts attempts sets UNHURRIED.
ROUGH = {"LEASE_SECONDS": "3"}
UNHURRIED = {"LEASE_SECONDS": "300"}
# Features that a test's browser does not need: updates, sync, a GPU.
CHROMIUM = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
Deploy = Callable[..., Deployment]
NewDatabase = Callable[[], str]
_numbers = count(1)


@pytest.fixture(scope="session")
def new_sqlite(tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """A function that creates a migrated SQLite database with both business units."""
    folder = tmp_path_factory.mktemp("sqlite")
    template = folder / "template.sqlite3"
    prepare_database(f"sqlite:///{template}")

    def make() -> str:
        copy = folder / f"journey-{next(_numbers)}.sqlite3"
        shutil.copyfile(template, copy)
        return f"sqlite:///{copy}"

    return make


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """A function that creates a migrated database on the server of this run."""
    if request.config.getoption("database") == "sqlite":
        make_sqlite: NewDatabase = request.getfixturevalue("new_sqlite")
        return make_sqlite
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    # The processes of pytest-xdist share the server.
    template = f"journeys_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    create_database(server, f"CREATE DATABASE {template}")
    prepare_database(f"{server}/{template}")

    def make() -> str:
        name = f"{template}_{next(_numbers)}"
        create_database(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"{server}/{name}"

    return make


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop, with a migrated database `journeys`."""
    server = Postgres()
    try:
        server.start()
        address, _, _ = server.url.rpartition("/")
        create_database(address, "CREATE DATABASE journeys")
        prepare_database(f"{address}/journeys")
        yield server
    finally:
        server.close()


@contextmanager
def _running(database: str, folder: Path, settings: dict[str, str]) -> Iterator[Deployment]:
    deployment = Deployment(database=database, folder=folder, settings=settings)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


@pytest.fixture(scope="session")
def shared(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A deployment that no journey disturbs; each uses its own subscribers."""
    with _running(new_database(), tmp_path_factory.mktemp("shared"), {}) as deployment:
        yield deployment


@pytest.fixture
def deploy(new_database: NewDatabase, tmp_path: Path) -> Iterator[Deploy]:
    """A function that starts a deployment of the test's own, with further settings."""
    with ExitStack() as stack:

        def start(*, database: str | None = None, **settings: str) -> Deployment:
            return stack.enter_context(
                _running(database or new_database(), tmp_path, ROUGH | settings)
            )

        yield start


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium. Fails where none is installed; `make test` installs one."""
    path = os.environ.get("PROFILECENTER_BROWSER") or chromium.find()
    if not path:
        pytest.fail("no Chromium or Chrome found: run `make test`, which installs one")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, headless=True, args=[*CHROMIUM, *sandbox], timeout=2 * PATIENCE
        )
        # Playwright's own five seconds are too few for a page of a busy machine.
        expect.set_options(timeout=PATIENCE)
        yield running
        running.close()


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    """A recipient: a browser window without history."""
    with Reader(browser) as reader:
        yield reader


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    """A marketer's browser window. Errors of its scripts fail the test."""
    context = window(browser, locale="en-GB", viewport={"width": 1200, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, errors


@pytest.fixture
def plain_reader(browser: Browser) -> Iterator[Reader]:
    """A recipient with JavaScript turned off."""
    with Reader(browser, scripts=False) as reader:
        yield reader
