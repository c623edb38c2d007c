"""Images are pinned to what the registry says, and to nothing else."""

import re
import shutil
from pathlib import Path

import pytest

from scripts import pin_images
from scripts.steps import ROOT

ANSWER = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the two files."""
    for name in pin_images.FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def docker(root: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Put a program on PATH that answers as `docker buildx imagetools inspect` does."""
    program = root / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def digests(root: Path) -> set[str]:
    """Return the digests that the files name."""
    texts = "".join((root / name).read_text() for name in pin_images.FILES)
    return set(re.findall(r"sha256:\w+", texts))


def test_every_image_gets_the_digest_of_its_tag(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(root, monkeypatch, ANSWER)
    (root / "Dockerfile").write_text("FROM python:3.12-slim-bookworm AS base\n")
    assert pin_images.main(root) == 0
    assert digests(root) == {ANSWER}
    assert (root / "Dockerfile").read_text().endswith(f"-bookworm@{ANSWER} AS base\n")


@pytest.mark.parametrize("answer", ["", "sha256:0123", "error: no such host"])
def test_nothing_is_changed_where_the_registry_does_not_answer(
    root: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    docker(root, monkeypatch, answer)
    before = digests(root)
    assert pin_images.main(root) == 1
    assert digests(root) == before
