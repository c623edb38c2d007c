"""Named commands, run one after the other."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command run in the project's root; `environ` is added to the environment."""

    title: str
    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *, at_once: bool = True) -> int:
        """Return the command's exit status. Its output is printed at once; for steps that run side
        by side, at its end."""
        say(f"== {self.title}")
        started = time.monotonic()
        done = subprocess.run(  # noqa: S603
            self.command, cwd=ROOT, env=os.environ | self.environ, stdin=subprocess.DEVNULL,
            stdout=None if at_once else subprocess.PIPE,
            stderr=None if at_once else subprocess.STDOUT,
            check=False, text=True, errors="replace",
        )  # fmt: skip
        ended = f"-- {self.title}: {_word(done.returncode)}, {time.monotonic() - started:.1f} s"
        say(f"{done.stdout or ''}{ended}")
        return done.returncode


def _word(status: int) -> str:
    return f"failed with {status}" if status else "ok"


def say(line: str) -> None:
    """Print a line and flush, so that it is in order with the commands' output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tool(name: str) -> str:
    """Return the path of a program of this virtual environment."""
    return str(Path(sys.executable).parent / name)


def files(pattern: str, *folders: str) -> tuple[str, ...]:
    """Return the files under `folders` that match, relative to the root, sorted."""
    found = (path for folder in folders for path in (ROOT / folder).rglob(pattern))
    return tuple(sorted(str(path.relative_to(ROOT)) for path in found))
