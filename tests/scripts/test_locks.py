"""Locks that would install on one platform only are found, without network access."""

import re
import shutil
from pathlib import Path

import pytest

from scripts import locks
from scripts.steps import ROOT

ENTRY = r"^{name}==.*?(?=^\w)"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this project's locks."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    return tmp_path


def edit(root: Path, name: str, change: str) -> None:
    """Replace the entry of a package in the deployment's lock."""
    lock = root / "requirements" / "base.txt"
    edited, times = re.subn(
        ENTRY.format(name=name), change, lock.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    assert times == 1
    lock.write_text(edited)


def version_of(name: str) -> str:
    """Return a package's version in the deployment's lock."""
    lock = (ROOT / "requirements" / "base.txt").read_text()
    found = re.search(rf"^{name}==(\S+)", lock, re.MULTILINE)
    assert found
    return found[1]


def test_the_locks_of_this_project_support_every_platform(root: Path) -> None:
    assert locks.main() == 0


@pytest.mark.parametrize("hashes", [1, 2])
def test_a_compiled_package_with_files_of_one_platform_only_is_found(
    root: Path, hashes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"lxml=={version_of('lxml')}", *(f"    --hash=sha256:{n}" for n in range(hashes))]
    edit(root, "lxml", " \\\\\n".join(lines) + "\n")
    assert locks.main() == 1
    assert capsys.readouterr().out.startswith("requirements/base.txt: lxml is compiled")


def test_a_pure_python_package_needs_one_file_only(root: Path) -> None:
    edit(root, "kombu", f"kombu=={version_of('kombu')} \\\\\n    --hash=sha256:00\n")
    assert locks.main() == 0


def test_different_versions_for_different_pythons_are_found(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = root / "requirements" / "base.txt"
    newer = "django-unfold==999 ; python_full_version >= '3.12' \\\n    --hash=sha256:00\n"
    lock.write_text(lock.read_text() + newer)
    assert locks.main() == 1
    assert "django-unfold has several versions" in capsys.readouterr().out


def test_a_version_that_differs_from_the_development_lock_is_found(root: Path) -> None:
    edit(root, "lxml", "lxml==5.0.0 \\\\\n    --hash=sha256:00\n")
    assert locks.main() == 1
