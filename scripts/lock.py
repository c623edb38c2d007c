"""Write the hashed locks: requirements/*.in -> requirements/*.txt. Arguments go to uv.

Pins are kept unless `make lock ARGS=--upgrade` is used. Hashes are fetched again.

Uses the package index only. A wheel in a local folder, or in a second index, would take precedence
over the index's files, and the lock would contain only its hash: it could not be installed on
another Python or platform.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.install import BIN, ROOT, uv_environ

# telemetry and storage after base, audit and docs after dev, whose versions they take.
NAMES = ("uv", "base", "telemetry", "storage", "build", "dev", "audit", "docs")
# One lock for every platform and each Python from 3.11 on, without URLs. Without uv's own
# configuration: it could name further sources.
OPTIONS = (
    "--quiet", "--no-config", "--generate-hashes", "--universal", "--python-version", "3.11",
    "--no-header", "--no-emit-index-url", "--no-emit-find-links",
)  # fmt: skip
# Variables that would add sources, or change the selection.
LEFT_OUT = frozenset({
    "UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_CONFIG_FILE",
    "UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_PRERELEASE",
    "UV_RESOLUTION",
})  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write every lock; return 0."""
    for name in NAMES:
        lock = ROOT / "requirements" / f"{name}.txt"
        with TemporaryDirectory() as folder:
            # uv would keep the hashes that it finds in its output file, however few they are.
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
    """Return the pins of a lock without hashes, which uv treats as preferences."""
    lines = (line for line in lock.splitlines() if not line.lstrip().startswith("--hash="))
    return "".join(line.rstrip("\\ ") + "\n" for line in lines)


def lock_environ() -> dict[str, str]:
    """Return an environment in which uv knows this machine's index and certificates, but no other
    source of packages."""
    return {name: value for name, value in uv_environ().items() if name not in LEFT_OUT}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
