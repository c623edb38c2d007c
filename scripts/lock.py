"""Write the hashed locks: requirements/*.in -> requirements/*.txt. Arguments go to uv.

Pins stay as they are unless told otherwise: `make lock ARGS=--upgrade`. Hashes are fetched anew.

The package index alone is asked. A wheel in a folder of this machine, or in a second index, would
go before the index's own files, and the lock would hold its hash and no other: nobody on another
Python or platform could install it.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.install import BIN, ROOT, uv_environ

NAMES = ("uv", "base", "build", "dev")
# One lock for every platform and for each Python from 3.11 on, with no address in it. No
# configuration of uv's own: it could name further sources.
OPTIONS = (
    "--quiet", "--no-config", "--generate-hashes", "--universal", "--python-version", "3.11",
    "--no-header", "--no-emit-index-url", "--no-emit-find-links",
)  # fmt: skip
# What would add to the index, or change what is chosen from it.
LEFT_OUT = frozenset({
    "UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_CONFIG_FILE",
    "UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_PRERELEASE",
    "UV_RESOLUTION",
})  # fmt: skip


def main(arguments: list[str]) -> int:
    """Return 0 once every lock is written."""
    for name in NAMES:
        lock = ROOT / "requirements" / f"{name}.txt"
        with TemporaryDirectory() as folder:
            # Where uv finds hashes in its output file it keeps them, however few they are.
            draft = Path(folder) / lock.name
            draft.write_text(without_hashes(lock.read_text() if lock.exists() else ""))
            _compile(f"requirements/{name}.in", draft, arguments)
            lock.write_text(draft.read_text())
    return 0


def _compile(source: str, target: Path, arguments: list[str]) -> None:
    command = [str(BIN / "uv"), "pip", "compile", *OPTIONS, *arguments, source]
    command += ["--output-file", str(target)]
    subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=lock_environ(), stdin=subprocess.DEVNULL, check=True
    )


def without_hashes(lock: str) -> str:
    """Return the pins of a lock, as uv takes them for preferences."""
    lines = (line for line in lock.splitlines() if not line.lstrip().startswith("--hash="))
    return "".join(line.rstrip("\\ ") + "\n" for line in lines)


def lock_environ() -> dict[str, str]:
    """Return an environment in which uv knows this machine's index and certificates, and no other
    place that packages could come from."""
    return {name: value for name, value in uv_environ().items() if name not in LEFT_OUT}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
