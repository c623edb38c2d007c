"""`make release`, in repositories of its own."""

import hashlib
import io
import subprocess
import tarfile
from datetime import date
from pathlib import Path

import pytest

from scripts import release as releases
from scripts.release import BILL, CHANGELOG, EXAMPLE, Release, ReleaseError

DAY = date(2031, 5, 6)
LOG = """# Changelog

## [Unreleased]

### Added

- Something new.

## [1.0.0] - 2031-01-02

- The first one.
"""


def git(root: Path, *arguments: str) -> str:
    """Return the output of a git command."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments], cwd=root, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one release."""
    git(tmp_path, "init", "--quiet")
    for name, value in (("user.name", "A person"), ("user.email", "person@example.com")):
        git(tmp_path, "config", name, value)
    (tmp_path / ".gitignore").write_text("var/\n")
    (tmp_path / CHANGELOG).write_text(LOG)
    (tmp_path / EXAMPLE).parent.mkdir(parents=True)
    (tmp_path / EXAMPLE).write_text("images:\n  - name: a\n    newTag: 1.0.0\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    git(tmp_path, "tag", "v1.0.0")
    return tmp_path


def of(root: Path, version: str = "1.1.0") -> Release:
    """Return a release of a repository."""
    return Release(root=root, version=version, day=DAY)


def write_bill(target: Path) -> None:
    """Write a bill of materials."""
    target.write_text("{}")


def test_a_release_has_a_section_a_commit_a_tag_and_files_with_checksums(root: Path) -> None:
    release = of(root)
    release.make(write_bill)
    changelog = (root / CHANGELOG).read_text()
    assert "## [Unreleased]\n\n## [1.1.0] - 2031-05-06\n\n### Added\n\n- Something" in changelog
    assert changelog.endswith("## [1.0.0] - 2031-01-02\n\n- The first one.\n")
    assert "newTag: 1.1.0" in (root / EXAMPLE).read_text()
    assert git(root, "describe", "--exact-match") == "v1.1.0"
    assert git(root, "status", "--porcelain") == ""
    assert (release.folder / "NOTES.md").read_text() == "### Added\n\n- Something new.\n"
    sums = dict(
        line.split("  ")[::-1] for line in (release.folder / "SHA256SUMS").read_text().splitlines()
    )
    assert set(sums) == {"profilecenter-1.1.0.tar.gz", "NOTES.md", BILL}
    for name, digest in sums.items():
        assert hashlib.sha256((release.folder / name).read_bytes()).hexdigest() == digest


def test_the_archive_is_the_same_each_time_and_names_its_version(root: Path) -> None:
    release = of(root)
    release.make(write_bill)
    stored = (release.folder / "profilecenter-1.1.0.tar.gz").read_bytes()
    assert release.archive("profilecenter-1.1.0/") == stored
    with tarfile.open(fileobj=io.BytesIO(stored)) as archive:
        names = set(archive.getnames())
        member = archive.extractfile("profilecenter-1.1.0/release.env")
        assert member
        revision = git(root, "rev-parse", "HEAD")
        assert member.read().decode().splitlines() == [
            "PROFILECENTER_VERSION=1.1.0", f"PROFILECENTER_REVISION={revision}",
        ]  # fmt: skip
    assert f"profilecenter-1.1.0/{CHANGELOG}" in names
    assert not [name for name in names if "/var" in name or "/.git/" in name]


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("1.1", "no version"), ("v1.1.0", "no version"), ("01.1.0", "no version"),
        ("1.0.0", "a later version"), ("0.9.9", "a later version"),
    ],
)  # fmt: skip
def test_a_version_that_cannot_follow_is_refused(root: Path, version: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        of(root, version).check()


def test_a_tenth_version_follows_the_ninth(root: Path) -> None:
    git(root, "tag", "v1.9.0")
    of(root, "1.10.0").check()


def test_only_a_clean_main_with_something_new_is_released(root: Path) -> None:
    (root / "stray").touch()
    with pytest.raises(ReleaseError, match="not committed"):
        of(root).check()
    (root / "stray").unlink()
    git(root, "switch", "--quiet", "--create", "other")
    with pytest.raises(ReleaseError, match="the branch other"):
        of(root).check()
    git(root, "switch", "--quiet", "main")
    of(root).make(write_bill)
    with pytest.raises(ReleaseError, match="nothing under Unreleased"):
        of(root, "1.2.0").check()


def test_a_release_that_fails_leaves_everything_as_it_was(root: Path) -> None:
    before = git(root, "rev-parse", "HEAD")

    def fail(target: Path) -> None:
        raise ReleaseError("no bill")

    with pytest.raises(ReleaseError, match="no bill"):
        of(root).make(fail)
    assert git(root, "rev-parse", "HEAD") == before
    assert git(root, "tag") == "v1.0.0"
    assert (root / CHANGELOG).read_text() == LOG


def test_a_dry_run_prints_the_notes_and_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(releases, "ROOT", root)
    before = git(root, "rev-parse", "HEAD")
    assert releases.main(["1.1.0", "--dry-run"]) == 0
    assert "- Something new." in capsys.readouterr().out
    assert releases.main(["1.0.0", "--dry-run"]) == 1
    assert "a later version" in capsys.readouterr().out
    assert git(root, "rev-parse", "HEAD") == before
    assert not (root / "var").exists()
