"""Addresses in locks and tool settings are found, and not repeated in the report."""

from pathlib import Path

import pytest

from scripts import addresses


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without addresses."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("django==5.2 \\\n    --hash=sha256:00\n")
    (tmp_path / "Makefile").write_text("check:\n\tcurl http://localhost:8000/healthz\n")
    monkeypatch.setattr(addresses, "ROOT", tmp_path)
    return tmp_path


def test_a_project_without_addresses_passes(root: Path) -> None:
    assert addresses.main() == 0


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example.com/simple",
        "--extra-index-url=file:///srv/packages",
        "-f wheels/",
        "django @ https://packages.example.com/django.whl",
        "django @ git+ssh://git.example.com/django.git",
    ],
)
def test_an_address_in_a_lock_is_found(
    root: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "requirements" / "base.txt").write_text(f"{line}\n")
    assert addresses.main() == 1
    assert capsys.readouterr().out == "requirements/base.txt:1: has a URL\n"


def test_an_address_in_a_tool_s_setting_is_found(root: Path) -> None:
    (root / "pyproject.toml").write_text('index = "https://packages.invalid/simple"\n')
    assert addresses.main() == 1
