"""Break the rules on purpose, one small change at a time, and count how many the tests notice.

    python -m scripts.mutants            `make mutants`

Works on a copy. Fails if fewer than nine in ten of the changes are noticed.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .steps import ROOT, say, tool

MODULES = ("unsub/domain/outcomes.py", "unsub/domain/retry.py")
LEAST = 90.0  # per cent
PLUGINS = "-p no:django -p no:cacheprovider"
CONFIG = """
[cosmic-ray]
module-path = {modules}
timeout = 20.0
excluded-modules = []
test-command = "{python} -m pytest -qx -c /dev/null --rootdir . {plugins} tests/domain"

[cosmic-ray.distributor]
name = "local"
"""


def main() -> int:
    """Return 0 if enough of the mutants were killed, else 1."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("unsub", "tests/domain"):
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        (folder / "tests/__init__.py").touch()
        report = _run(folder)
    say(report)
    found = re.search(r"surviving mutants: \d+ \(([0-9.]+)%\)", report)
    killed = 100 - float(found[1]) if found else 0.0
    say(f"{killed:.1f}% of the mutants were noticed (at least {LEAST:.0f}% are required)")
    return 0 if killed >= LEAST else 1


def _run(folder: Path) -> str:
    """Return cosmic-ray's report of all mutants of the copy in `folder`."""
    modules = "[" + ", ".join(f'"{module}"' for module in MODULES) + "]"
    config = folder / "mutants.toml"
    config.write_text(CONFIG.format(modules=modules, python=sys.executable, plugins=PLUGINS))
    for command in ("baseline", "init", "exec"):
        session = [] if command == "baseline" else ["mutants.sqlite"]
        say(f"mutants: {command} ...")
        subprocess.run(  # noqa: S603
            [tool("cosmic-ray"), command, config.name, *session], cwd=folder, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    done = subprocess.run(  # noqa: S603
        [tool("cr-report"), "--show-diff", "--surviving-only", "mutants.sqlite"],
        cwd=folder, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
