"""`make release VERSION=1.2.3`: a release of this checkout, in var/release/1.2.3.

It moves what is under Unreleased in the changelog to a section of the version, commits that, and
writes the source archive (from which the image is built), the bill of materials, the notes and the
checksums. At the end it tags the commit. Nothing is pushed. `--dry-run` checks everything, and
changes nothing.
"""

import argparse
import gzip
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from . import sbom
from .steps import ROOT, say

CHANGELOG = "CHANGELOG.md"
# Where the version stands, beside the changelog: the tag of the image.
EXAMPLE = "deploy/kubernetes/overlays/example/kustomization.yaml"
BRANCH = "main"
BILL = "sbom.json"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_UNRELEASED = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"^(    newTag: ).+$", re.MULTILINE)


class ReleaseError(Exception):
    """The release was not made. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version of the checkout in `root`, released on a day."""

    root: Path
    version: str
    day: date

    @property
    def tag(self) -> str:
        """The name of its tag."""
        return f"v{self.version}"

    @property
    def folder(self) -> Path:
        """Where its files are written."""
        return self.root / "var" / "release" / self.version

    def check(self) -> None:
        """Raises ReleaseError where it cannot be made from this checkout."""
        if not _VERSION.fullmatch(self.version):
            raise ReleaseError(f"{self.version!r} is no version such as 1.2.3")
        branch = self.git("branch", "--show-current")
        if branch != BRANCH:
            raise ReleaseError(f"this is the branch {branch or '(none)'}; check out {BRANCH}")
        if self.git("status", "--porcelain"):
            raise ReleaseError("there are changes that are not committed: see git status")
        self._check_order()
        if not self.notes():
            raise ReleaseError(f"{CHANGELOG} has nothing under Unreleased")
        if not _TAG.search(self.read(EXAMPLE)):
            raise ReleaseError(f"{EXAMPLE} has no newTag")

    def _check_order(self) -> None:
        known = [found for tag in self.git("tag").split() if (found := _number(tag[1:]))]
        if known and max(known) >= (_number(self.version) or ()):
            newest = ".".join(map(str, max(known)))
            raise ReleaseError(f"{newest} has been released; give a later version")

    def notes(self) -> str:
        """Return what is under Unreleased; "" where there is nothing."""
        found = _UNRELEASED.search(self.read(CHANGELOG))
        return found[1].strip() if found else ""

    def make(self, bill: Callable[[Path], None]) -> None:
        """Commit the version, write its files, and tag the commit. `bill` writes the bill of
        materials. Where something fails, the checkout is as it was before. Raises ReleaseError."""
        self.check()
        notes, before = self.notes(), self.git("rev-parse", "HEAD")
        try:
            self._commit(notes)
            self._write(notes, bill)
            self.git("tag", "--annotate", self.tag, "--message", f"Release {self.version}")
        except BaseException:
            # Nothing is lost: `check` has found no change that is not committed.
            self.git("reset", "--quiet", "--hard", before)
            raise

    def _commit(self, notes: str) -> None:
        section = f"## [Unreleased]\n\n## [{self.version}] - {self.day}\n\n{notes}\n\n"
        changelog = _UNRELEASED.sub(lambda _: section, self.read(CHANGELOG), count=1)
        (self.root / CHANGELOG).write_text(changelog.rstrip() + "\n", encoding="utf-8")
        example = _TAG.sub(rf"\g<1>{self.version}", self.read(EXAMPLE))
        (self.root / EXAMPLE).write_text(example, encoding="utf-8")
        self.git("commit", "--quiet", "--message", f"Release {self.version}", CHANGELOG, EXAMPLE)

    def _write(self, notes: str, bill: Callable[[Path], None]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        bill(self.folder / BILL)
        (self.folder / "NOTES.md").write_text(f"{notes}\n", encoding="utf-8")
        name = f"profilecenter-{self.version}"
        (self.folder / f"{name}.tar.gz").write_bytes(self.archive(f"{name}/"))
        sums = "".join(
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
            for path in sorted(self.folder.iterdir())
            if path.name != "SHA256SUMS"
        )
        (self.folder / "SHA256SUMS").write_text(sums)

    def archive(self, prefix: str) -> bytes:
        """Return the compressed archive of the last commit, the same bytes each time, with
        `release.env` for deployments without an image."""
        with tempfile.TemporaryDirectory() as folder:
            names = Path(folder) / "release.env"
            names.write_text(
                f"PROFILECENTER_VERSION={self.version}\n"
                f"PROFILECENTER_REVISION={self.git('rev-parse', 'HEAD')}\n"
            )
            names.chmod(0o644)
            archive = self._run(
                "archive", "--format=tar", f"--prefix={prefix}", f"--add-file={names}", "HEAD"
            )
        return gzip.compress(archive, mtime=0)

    def read(self, name: str) -> str:
        """Return the text of a file of the checkout."""
        return (self.root / name).read_text(encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Return the output of a git command. Raises ReleaseError where it fails."""
        return self._run(*arguments).decode().strip()

    def _run(self, *arguments: str) -> bytes:
        done = subprocess.run(  # noqa: S603
            ("git", *arguments),  # noqa: S607
            cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.decode().strip()}")
        return done.stdout


def _number(version: str) -> tuple[int, ...]:
    """Return the numbers of a version; () for something else."""
    return tuple(map(int, version.split("."))) if _VERSION.fullmatch(version) else ()


def write_bill(target: Path) -> None:
    """Write the bill of materials of a deployment. Raises ReleaseError where it cannot be made, or
    names a known vulnerability."""
    if sbom.main():
        raise ReleaseError("make sbom failed or found a vulnerability: see above")
    target.write_bytes((sbom.OUTPUT / BILL).read_bytes())


def main(arguments: list[str]) -> int:
    """Return 0 if the release was made, or could be."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="such as 1.2.3")
    parser.add_argument("--dry-run", action="store_true", help="check, and change nothing")
    options = parser.parse_args(arguments)
    release = Release(root=ROOT, version=options.version, day=datetime.now(UTC).date())
    try:
        if options.dry_run:
            release.check()
            say(f"{release.tag} can be released. Its notes:\n\n{release.notes()}")
            return 0
        release.make(write_bill)
    except ReleaseError as err:
        say(f"release: {err}")
        return 1
    say(f"{release.tag} is committed and tagged here, and its files are in {release.folder}.")
    say(f"To publish it: git push --atomic origin {BRANCH} {release.tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
