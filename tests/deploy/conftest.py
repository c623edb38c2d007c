"""One image and one broker for all processes of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.servers import Valkey
from tests.deploy.image import Image, build, image_python, python

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raise the time limit: the first test installs an environment, and a journey starts twelve
    processes."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which Python the image's commands ran on."""
    terminalreporter.write_line(f"the image has Python {image_python()}; the tests ran {python()}")


@pytest.fixture(scope="session")
def broker() -> Iterator[Valkey]:
    """A private broker."""
    valkey = Valkey()
    valkey.start()
    yield valkey
    valkey.close()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, broker: Valkey) -> Image:
    """The image's files, with a migrated database."""
    made = build(tmp_path_factory.mktemp("image"), redis_url=broker.url)
    done = made.run("python", "manage.py", "migrate", "--noinput")
    assert done.returncode == 0, done.stderr[-2000:]
    return made
