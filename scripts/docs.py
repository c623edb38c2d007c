"""`make docs`: the site of the documents, in var/site. Ends with 1 where a link leads nowhere.

The pages are those of the repository, in its layout, so that a link works here as it does there.
Whoever only wants to read them needs no site: they are Markdown.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import reference
from .install import ROOT
from .sbom import environment
from .steps import say

SOURCE, SITE = ROOT / "var" / "docs", ROOT / "var" / "site"
LOCK = ROOT / "requirements" / "docs.txt"
PARTS = (
    "README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "CHANGELOG.md", "LICENSE",
    "docs", "deploy",
)  # fmt: skip
PATIENCE = 300  # seconds


def main() -> int:
    """Return 0 once the site is written; 1 where a link or a page is wrong, or the reference is
    not that of the code; 2 where the tools cannot be installed."""
    if stale := _stale():
        say(f"not what the code says: {', '.join(stale)}. Run `python -m scripts.reference`.")
        return 1
    try:
        tools = environment(LOCK)
    except subprocess.CalledProcessError:
        say("the package index did not give what requirements/docs.txt names; see above")
        return 2
    _copy()
    # Not --quiet: that would also count no warning, and each is an error here.
    command = (str(tools / "mkdocs"), "build", "--clean", "--config-file", "mkdocs.yml")
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if done.returncode:
        say(done.stderr)
        return 1
    say(f"{len(list(SITE.rglob('*.html')))} pages: {SITE.relative_to(ROOT)}/index.html")
    return 0


def _stale() -> list[str]:
    reference.prepare()
    return [
        name
        for name, text in reference.pages().items()
        if (reference.FOLDER / name).read_text(encoding="utf-8") != text
    ]


def _copy() -> None:
    """Copy the documents, in the layout of the repository."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for part in PARTS:
        path: Path = ROOT / part
        if path.is_dir():
            shutil.copytree(path, SOURCE / part)
        else:
            shutil.copy(path, SOURCE / part)


if __name__ == "__main__":
    sys.exit(main())
