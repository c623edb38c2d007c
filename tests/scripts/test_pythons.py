"""The development lock installs on every supported Python of this machine."""

import subprocess
from pathlib import Path

import pytest

from scripts import pythons
from scripts.install import LOCK
from tests.environments import fill

# Missing Pythons are not tested: no parameter, and no skip.
HERE = {version: path for version in pythons.SUPPORTED if (path := pythons.find(version))}


def test_the_python_of_the_tests_is_found() -> None:
    assert HERE


@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", HERE)
def test_the_development_lock_installs(tmp_path: Path, version: str) -> None:
    made = fill(tmp_path / "venv", python=HERE[version], lock=LOCK)
    done = subprocess.run(
        [made / "python", "-c", "import sys, django, yarl; print(*sys.version_info[:2], sep='.')"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == version, done.stderr[-2000:]
